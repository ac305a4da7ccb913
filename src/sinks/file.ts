import { join, resolve } from "node:path";
import { count, size, text, withDefault } from "../lib/setting-schema.ts";
import { openFileSink } from "./file-sink.ts";
import type { SinkDefinition } from "./sink.ts";

const settings = {
  path: {
    env: "FILE_EVENT_LOG",
    yaml: "sinks.file.path",
    flag: "--file-event-log",
    schema: text().optional(),
    help: "A file that gets each exchange as one line of JSON.",
  },
  maxBytes: {
    env: "FILE_EVENT_LOG_MAX_BYTES",
    yaml: "sinks.file.max_bytes",
    ...withDefault(size(), "100MB"),
    help: "How large the file grows before it is moved away and a new one begun; 0 lets it grow.",
  },
  maxFiles: {
    env: "FILE_EVENT_LOG_MAX_FILES",
    yaml: "sinks.file.max_files",
    ...withDefault(count({ max: 1000 }), "5"),
    help: "How many older files are kept beside the current one.",
  },
} as const satisfies SinkDefinition["settings"];

/** Writes each exchange as one line of JSON, as `docs/exchange.schema.json` describes it. */
export const file: SinkDefinition<typeof settings> = {
  name: "file",
  help: "A local file of JSON lines, one exchange a line, rotated by size.",
  settings,
  enabled: ({ path }) => path !== undefined,
  open: ({ path, maxBytes, maxFiles }, { dataDir }) =>
    openFileSink({ path: resolve(path ?? join(dataDir, "exchanges.jsonl")), maxBytes, maxFiles }),
};
