import type { DestinationStream } from "pino";

/** Turns JSON log lines into lines for people: time, level, phrase, then the facts. */
export function createPrettyPrinter(out: DestinationStream): DestinationStream {
  return {
    write(line) {
      out.write(writePretty(line));
    },
  };
}

function writePretty(line: string): string {
  const { time, level, msg, err, ...facts } = readLine(line);
  const shown = Object.entries(facts).map(([name, value]) => `${name}=${writeValue(value)}`);
  const error = err === undefined ? "" : `\n    ${readError(err)}`;
  return `${writeValue(time).slice(11, 23)} ${writeValue(level).toUpperCase().padEnd(5)} ${[writeValue(msg), ...shown].join(" ")}${error}\n`;
}

function readLine(line: string): Readonly<Record<string, unknown>> {
  const facts: unknown = JSON.parse(line);
  return isObject(facts) ? facts : {};
}

function readError(error: unknown): string {
  const { stack, message } = isObject(error) ? error : {};
  return writeValue(stack ?? message ?? error);
}

function writeValue(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
