import { formatForeign } from "../format.ts";

/** A point in time for people, to the second. */
export function formatTime(time: string | null): string {
  return time === null ? "never" : time.replace(/\.\d+Z$/, "Z");
}

/** When a token ends, and how far off that is. */
export function formatExpiry(time: string | null, now: number): string {
  if (time === null) return "never";
  const left = Date.parse(time) - now;
  return `${formatTime(time)} (${left > 0 ? `in ${formatSpan(left)}` : "past"})`;
}

/** A span to one unit, of which there are two at least: `24 hours`, `7 days`. */
export function formatSpan(milliseconds: number): string {
  const units = [
    [86_400_000, "day"],
    [3_600_000, "hour"],
    [60_000, "minute"],
    [1000, "second"],
  ] as const;
  // What was said a moment ago must not read as less.
  const [size, name] = units.find(([unit]) => milliseconds > unit * 2 - Math.min(unit, 30_000)) ?? [1000, "second"];
  const count = Math.round(milliseconds / size);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

/** Lines of names and values. */
export function formatFacts(facts: readonly (readonly [name: string, value: string])[]): readonly string[] {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${formatForeign(value)}`.trimEnd());
}

/** Values by name on one line, what is no text as JSON; a dash where there are none. */
export function formatPairs(pairs: Readonly<Record<string, unknown>>): string {
  const write = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  const written = Object.entries(pairs).map(([name, value]) => `${name} ${write(value)}`);
  return written.length === 0 ? "-" : written.join(", ");
}
