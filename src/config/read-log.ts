import type { LogConfig } from "./config.ts";
import { logSettings } from "./log-settings.ts";
import type { Lookup } from "./lookup.ts";
import { readSettings } from "./read-settings.ts";
import type { Report } from "./report.ts";

/** Reads where log lines go and how they look; left to itself, pretty is for a person at a terminal. */
export function readLog(lookup: Lookup, terminal: boolean, report: Report): LogConfig {
  const { level, format, nodeEnv, file, maxSizeMb, maxBackups } = readSettings(logSettings, lookup, report);
  const read = terminal && file === undefined && nodeEnv !== "production";
  return {
    level,
    format: format === "auto" ? (read ? "pretty" : "json") : format,
    ...(file === undefined ? {} : { file }),
    maxFileBytes: maxSizeMb * 1_048_576,
    maxFiles: maxBackups,
  };
}
