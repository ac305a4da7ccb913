import { decodeBytes, findBytes } from "../lib/bytes.ts";

/** Takes the one event out of a chat stream that only exists because Weir asked for it; every other byte passes, as early as it can. */
export type UsageFilter = {
  /** What of these bytes, and of those held before, goes on; empty where all of it has to wait for more. */
  readonly push: (chunk: Uint8Array) => Uint8Array;
  /** What was still held when the stream ended. */
  readonly end: () => Uint8Array;
};

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const colon = 0x3a;
const choices = Buffer.from('"choices"');
const usage = Buffer.from('"usage"');
const nothing: Uint8Array = new Uint8Array();

/** An event that is longer than this is no usage event, so it doesn't wait for its end. Bytes. */
const longestHeld = 65_536;

/** Creates the filter of one stream. */
export function createUsageFilter(): UsageFilter {
  let held = nothing;
  // The last bytes of an event that is passing already: its blank line may come in two parts.
  let passed: Uint8Array | undefined;
  // The last event ended with a carriage return: a line feed right after it shares the fate of that event.
  let lineFeedAfter: "kept" | "dropped" | undefined;

  return {
    push(chunk) {
      if (chunk.length === 0) return nothing;
      let bytes = chunk;
      const kept: Uint8Array[] = [];
      if (lineFeedAfter && bytes[0] === lineFeed) {
        if (lineFeedAfter === "kept") kept.push(bytes.subarray(0, 1));
        bytes = bytes.subarray(1);
      }
      lineFeedAfter = undefined;
      const before = passed ?? held;
      const all = before.length > 0 ? Buffer.concat([before, bytes]) : bytes;
      let at = passed?.length ?? 0;
      let from = 0;
      for (;;) {
        if (passed === undefined) from = endOfComments(all, from);
        const end = endOfEvent(all, from);
        if (end === undefined) break;
        const dropped = passed === undefined && isUsageEvent(all.subarray(from, end));
        kept.push(all.subarray(at, dropped ? from : end));
        if (end === all.length && all[end - 1] === carriageReturn) lineFeedAfter = dropped ? "dropped" : "kept";
        passed = undefined;
        at = from = end;
      }
      if (from > at) {
        // A heartbeat tells that the stream is alive, so it doesn't wait for the event after it.
        kept.push(all.subarray(at, from));
        if (from === all.length && all[from - 1] === carriageReturn) lineFeedAfter = "kept";
        at = from;
      }
      const rest = all.subarray(at);
      const decided = passed !== undefined || rest.length > longestHeld || hasChoice(rest);
      held = decided ? nothing : rest;
      if (decided) {
        kept.push(rest);
        passed = all.subarray(Math.max(from, all.length - 3));
      }
      return kept.length === 1 ? (kept[0] ?? nothing) : Buffer.concat(kept);
    },
    end() {
      const rest = held;
      held = nothing;
      return rest;
    },
  };
}

/** The place after the whole comments and blank lines that stand here: an event begins after them. */
function endOfComments(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] === colon || bytes[at] === lineFeed || bytes[at] === carriageReturn) {
    const end = endOfLine(bytes, at);
    if (end === undefined) break;
    at = end;
  }
  return at;
}

/** The place after the blank line that ends an event; lines end by LF, CR or CRLF (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream). */
function endOfEvent(bytes: Uint8Array, from: number): number | undefined {
  let at = from;
  for (;;) {
    const end = endOfLine(bytes, at);
    if (end === undefined) return undefined;
    const blank = bytes[at] === lineFeed || bytes[at] === carriageReturn;
    // A line end at the very start belongs to the event before it.
    if (blank && at > from) return end;
    at = end;
  }
}

function endOfLine(bytes: Uint8Array, from: number): number | undefined {
  const feed = bytes.indexOf(lineFeed, from);
  const limit = feed === -1 ? bytes.length : feed;
  const carriage = bytes.subarray(from, limit).indexOf(carriageReturn);
  if (carriage === -1) return feed === -1 ? undefined : feed + 1;
  const end = from + carriage + 1;
  return bytes[end] === lineFeed ? end + 1 : end;
}

/** Whether the first `choices` in here holds one, which a usage event's doesn't. */
function hasChoice(bytes: Uint8Array): boolean {
  const inside = firstInChoices(bytes);
  return inside !== undefined && inside !== "]";
}

function firstInChoices(bytes: Uint8Array): string | undefined {
  const at = findBytes(bytes, choices);
  if (at === -1) return undefined;
  const after = decodeBytes(bytes, "latin1", at + choices.length, at + choices.length + 64);
  return /^\s*:\s*\[\s*([^\s])/.exec(after)?.[1];
}

function isUsageEvent(event: Uint8Array): boolean {
  if (event.length > longestHeld || firstInChoices(event) !== "]" || findBytes(event, usage) === -1) return false;
  const data = decodeBytes(event, "utf8")
    .split(/\r\n|\r|\n/)
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5))
    .join("\n");
  try {
    const chunk: unknown = JSON.parse(data);
    return (
      isObject(chunk) && Array.isArray(chunk["choices"]) && chunk["choices"].length === 0 && isObject(chunk["usage"])
    );
  } catch {
    return false;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
