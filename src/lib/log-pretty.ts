import type { DestinationStream } from "pino";

/** Turns JSON log lines into lines for people: time, level, phrase, then the facts. */
export function createPrettyPrinter(out: DestinationStream): DestinationStream {
  return { write: (line) => void out.write(writePretty(line)) };
}

function writePretty(line: string): string {
  const { time, level, msg, err, ...facts } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const shown = Object.entries(facts).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const error = err === undefined ? "" : `\n    ${readError(err)}`;
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${[String(msg ?? ""), ...shown].join(" ")}${error}\n`;
}

function readError(error: unknown): string {
  const { stack, message } = error as { stack?: string; message?: string };
  return String(stack ?? message ?? JSON.stringify(error));
}
