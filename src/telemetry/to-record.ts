import type { Exchange } from "../domain/exchange.ts";
import type { NewRecord } from "../outbox/outbox.ts";

/** Deeper than this nobody nests on purpose. */
const maxDepth = 500;

/** Writes an exchange as a line; never throws. */
export function toRecord(exchange: Exchange): NewRecord {
  return { id: exchange.id, json: write(exchange), refusal: exchange.outcome === "refused" };
}

/** Parsing takes any depth, writing only as much as the stack holds. */
function write(exchange: Exchange): string {
  try {
    return JSON.stringify(exchange);
  } catch {
    return JSON.stringify(cutDepth(exchange, maxDepth));
  }
}

function cutDepth(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return "[left out: nested too deeply]";
  if (Array.isArray(value)) return value.map((item) => cutDepth(item, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cutDepth(member, depth - 1)]));
}
