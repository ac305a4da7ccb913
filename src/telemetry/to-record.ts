import type { Exchange } from "../domain/exchange.ts";
import type { SinkChoice } from "../config/config.ts";
import type { NewRecord } from "../outbox/outbox.ts";

/** Deeper than this nobody nests on purpose. Writing deep JSON takes a time that grows with the square of its depth, and at last more stack than there is. */
const maxDepth = 200;

/** Writes exchanges as lines for sinks that get so much of each: what none of them gets isn't written. */
export function createRecordWriter(bodies: readonly SinkChoice["bodies"][]): (exchange: Exchange) => NewRecord {
  if (bodies.includes("full")) return toRecord;
  return (exchange) => {
    const { input: _, output: __, parameters, ...facts } = exchange;
    return toRecord(bodies.includes("metadata") && parameters ? { ...facts, parameters } : facts);
  };
}

/** Writes an exchange as a line; what is nested too deeply in it is left out. */
export function toRecord(exchange: Exchange): NewRecord {
  const written = isTooDeep(exchange) ? cutDepth(exchange, maxDepth) : exchange;
  return { id: exchange.id, json: JSON.stringify(written), refusal: exchange.outcome === "refused" };
}

/** Only what others wrote can be. */
function isTooDeep({ input, parameters, output, usage, attribution }: Exchange): boolean {
  return [input, parameters, output, usage.raw, attribution.metadata].some((member) => isDeeper(member, maxDepth - 2));
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depth === 0) return true;
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return members.some((member) => isDeeper(member, depth - 1));
}

function cutDepth(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return "[left out: nested too deeply]";
  if (Array.isArray(value)) return value.map((item) => cutDepth(item, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cutDepth(member, depth - 1)]));
}
