import { endOfString, readString, skipSpace } from "../lib/json-scan.ts";

/** What one of OpenAI's events on a socket says of where it belongs. */
export type SocketEvent = {
  readonly type: string;
  /** Whether any reader could take it for a `response.create` (https://platform.openai.com/docs/api-reference/realtime-client-events/response/create). */
  readonly asks: boolean;
  /** Its own id. */
  readonly id?: string | undefined;
  readonly responseId?: string | undefined;
  /** The id of the consumer's event that an error is about. */
  readonly about?: string | undefined;
  /** What the event's own usage is counted in, where it has one: `tokens` or `duration`. */
  readonly counted?: string | undefined;
};

/** Reads an event of any size without building its values: a history or a picture in it is megabytes. `undefined` where the frame is none. */
export function readSocketEvent(frame: Buffer): SocketEvent | undefined {
  const at = new Map<string | undefined, Map<string, string>>();
  let asks = false;
  const whole = visitTexts(frame, (outer, key, read) => {
    if (!wanted.get(outer)?.has(key)) return;
    const text = read();
    asks ||= outer === undefined && key === "type" && text === "response.create";
    const texts = at.get(outer) ?? new Map<string, string>();
    at.set(outer, texts.set(key, text));
  });
  const event = at.get(undefined);
  const type = event?.get("type");
  if (!whole || type === undefined) return undefined;
  return {
    type,
    asks,
    id: event?.get("event_id"),
    responseId: event?.get("response_id") ?? at.get("response")?.get("id"),
    about: at.get("error")?.get("event_id"),
    counted: at.get("usage")?.get("type"),
  };
}

/** The event's own members, and those of the objects in it. */
const wanted: ReadonlyMap<string | undefined, ReadonlySet<string>> = new Map([
  [undefined, new Set(["type", "event_id", "response_id"])],
  ["response", new Set(["id"])],
  ["error", new Set(["event_id"])],
  ["usage", new Set(["type"])],
]);

const quote = 0x22;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** Visits the texts among an object's members, and among those of its members; `false` where it isn't one whole object. */
function visitTexts(
  frame: Buffer,
  visit: (outer: string | undefined, key: string, read: () => string) => void,
): boolean {
  let at = skipSpace(frame, frame[0] === 0xef && frame[1] === 0xbb && frame[2] === 0xbf ? 3 : 0);
  if (frame[at] !== openBrace) return false;
  let outer = "";
  let depth = 0;
  while (at < frame.length) {
    const byte = frame[at];
    if (byte === quote) {
      const end = endOfString(frame, at);
      if (end === undefined) return false;
      const after = depth > 2 ? end : skipSpace(frame, end);
      if (depth > 2 || frame[after] !== colon) {
        at = after;
        continue;
      }
      const key = readString(frame, at, end) ?? "";
      const start = skipSpace(frame, after + 1);
      const valueEnd = endOfString(frame, start);
      if (valueEnd !== undefined)
        visit(depth === 1 ? undefined : outer, key, () => readString(frame, start, valueEnd) ?? "");
      if (depth === 1) outer = key;
      at = valueEnd ?? start;
      continue;
    }
    if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace || byte === closeBracket) depth -= 1;
    at += 1;
    if (depth === 0) return true;
  }
  return false;
}
