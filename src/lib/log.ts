import { type DestinationStream, pino } from "pino";
import { createLogFile } from "./log-file.ts";
import { createPrettyPrinter } from "./log-pretty.ts";

/** Writes one line: an object of facts, then a constant phrase. */
export type Log = Pick<pino.Logger, "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "isLevelEnabled">;

/** Where lines go and how they look. */
export type LogSettings = {
  readonly level: pino.LevelWithSilent;
  readonly format: "json" | "pretty";
  /** Absent: standard output. */
  readonly file?: string;
  readonly maxFileBytes: number;
  readonly maxFiles: number;
};

/** Names that never carry anything but a secret; a last net, since no line is given one. */
const secretNames = ["authorization", "key", "token", "secret", "password", "apiKey", "x-api-key", "cookie"];

/** Opens a log; of several threads that write to one file, one `rotates` it and the others follow. */
export function openLog(settings: LogSettings, { rotates }: { readonly rotates: boolean }): Log {
  const { level, format, file } = settings;
  const out: DestinationStream = file === undefined ? pino.destination({ fd: 1, sync: true }) : createLogFile({ ...settings, path: file, rotates });
  const stream = format === "pretty" ? createPrettyPrinter(out) : out;
  const redact = { paths: secretNames.flatMap((name) => [`["${name}"]`, `*["${name}"]`]), censor: "[secret]" };
  return pino({ level, base: null, redact, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, stream);
}
