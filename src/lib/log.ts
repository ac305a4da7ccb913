import { type DestinationStream, pino } from "pino";
import type { LogOutput } from "./log-output.ts";
import { createPrettyPrinter } from "./log-pretty.ts";

/** Writes one line: an object of facts, then a constant phrase. `level` may be changed. */
export type Log = Pick<
  pino.Logger,
  "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "isLevelEnabled" | "level"
>;

/** How lines look, and which are written. */
export type LogSettings = { readonly level: pino.LevelWithSilent; readonly format: "json" | "pretty" };

/** Names that never carry anything but a secret; a last net, since no line is given one. */
const secretNames = ["authorization", "key", "token", "secret", "password", "apiKey", "cookie"];
const redact = { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: "[secret]" };

/** Creates a log over an output. */
export function createLog({ level, format }: LogSettings, output: LogOutput): Log {
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters, redact },
    openStream(format, output),
  );
}

/** Writes lines of the same form, whose facts are all known to be fit for a log. */
export type FactLog = {
  readonly writes: (level: pino.Level) => boolean;
  readonly write: (level: pino.Level, facts: Readonly<Record<string, unknown>>, phrase: string) => void;
};

/** Creates a log without the net: for the line of every exchange, which would cost several times as much with it. */
export function createFactLog({ level: least, format }: LogSettings, output: LogOutput): FactLog {
  const stream = openStream(format, output);
  const threshold = least === "silent" ? Number.POSITIVE_INFINITY : (pino.levels.values[least] ?? 0);
  const writes: FactLog["writes"] = (level) => (pino.levels.values[level] ?? 0) >= threshold;
  return {
    writes,
    write(level, facts, phrase) {
      if (writes(level))
        stream.write(`${JSON.stringify({ level, time: new Date().toISOString(), ...facts, msg: phrase })}\n`);
    },
  };
}

function openStream(format: LogSettings["format"], output: LogOutput): DestinationStream {
  return format === "pretty" ? createPrettyPrinter(output) : output;
}
