import { type DestinationStream, pino } from "pino";
import type { LogOutput } from "./log-output.ts";
import { createPrettyPrinter } from "./log-pretty.ts";

/** Writes one line: an object of facts, then a constant phrase. */
export type Log = Pick<pino.Logger, "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "isLevelEnabled">;

/** How lines look, and which are written. */
export type LogSettings = { readonly level: pino.LevelWithSilent; readonly format: "json" | "pretty" };

/** Names that never carry anything but a secret; a last net, since no line is given one. */
const secretNames = ["authorization", "key", "token", "secret", "password", "apiKey", "cookie"];
const redact = { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: "[secret]" };

/** Creates a log over an output; one whose every fact is known (`closed`) does without the net, which costs more than the line. */
export function createLog({ level, format }: LogSettings, output: LogOutput, { closed = false }: { readonly closed?: boolean } = {}): Log {
  const stream: DestinationStream = format === "pretty" ? createPrettyPrinter(output) : output;
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters, ...(closed ? {} : { redact }) }, stream);
}
