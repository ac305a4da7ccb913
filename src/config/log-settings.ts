import { count, credential, flag, oneOf, reading, text, withDefault } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** Log lines. */
export const logSettings = {
  level: {
    env: "LOG_LEVEL",
    yaml: "log.level",
    flag: "--log-level",
    ...withDefault(oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"], { silly: "trace" }), "info"),
    help: "The least important lines that are written: `trace` (or `silly`), `debug`, `info`, `warn`, `error`, `fatal`; `silent` writes none.",
  },
  format: {
    env: "LOG_FORMAT",
    yaml: "log.format",
    ...withDefault(oneOf(["auto", "json", "pretty"], { console: "pretty", text: "pretty" }), "auto"),
    help: "`json`, `pretty` (or `console`, `text`), or `auto`: JSON with `NODE_ENV=production` and where nobody reads along, pretty on a terminal.",
  },
  nodeEnv: {
    env: "NODE_ENV",
    schema: text().optional(),
    help: "`production` makes `LOG_FORMAT=auto` mean JSON; no value does anything else.",
  },
  file: {
    env: "LOG_FILE",
    yaml: "log.file",
    schema: text().optional(),
    help: "A file for log lines; unset, they go to standard output.",
  },
  maxSizeMb: {
    env: "LOG_MAX_SIZE_MB",
    yaml: "log.max_size_mb",
    ...withDefault(count({ min: 1, max: 1_048_576 }), "10"),
    help: "How large the log file may grow before the next one is begun, in megabytes.",
  },
  maxBackups: {
    env: "LOG_MAX_BACKUPS",
    yaml: "log.max_backups",
    ...withDefault(count({ max: 1000 }), "5"),
    help: "How many older log files are kept.",
  },
} satisfies Settings;

/** The metrics page. */
export const metricsSettings = {
  enabled: {
    env: "ENABLE_METRICS",
    yaml: "metrics.enabled",
    ...withDefault(flag(), "true"),
    help: "Whether metrics are served.",
  },
  path: {
    env: "METRICS_PATH",
    yaml: "metrics.path",
    ...withDefault(reading("a path such as /metrics", readPath), "/metrics"),
    help: "Where they are served; with `.json` and `/prometheus` after it they have one form.",
  },
  token: {
    env: "METRICS_TOKEN",
    yaml: "metrics.token",
    schema: credential().optional(),
    secret: true,
    help: "What must be sent as a Bearer token to read them; unset, anybody may.",
  },
} satisfies Settings;

function readPath(written: string): string | undefined {
  return /^(?:\/[\w.~-]+)+$/.test(written) ? written : undefined;
}
