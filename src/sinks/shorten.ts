import { isMembers } from "./members.ts";

/** The parts of an exchange that can be large. */
export type Bodies = { readonly input?: unknown; readonly output?: unknown; readonly parameters?: unknown };

/** Where a request keeps its messages, oldest first. */
const conversations = ["messages", "contents", "input", "prompt"];

/**
 * Cuts bodies until they fit, measured as JSON text inside JSON: of a conversation the latest message survives longest,
 * then those before it, then what stands beside it; parameters are only cut where they are absurd.
 */
export function shortenBodies({ input, output, parameters }: Bodies, maxBytes: number): Bodies {
  const keptParameters = shorten(parameters, maxBytes / 8);
  const keptOutput = shorten(output, maxBytes / 3);
  const room = maxBytes - encodedBytes(keptParameters) - encodedBytes(keptOutput);
  return { input: shorten(input, room), output: keptOutput, parameters: keptParameters };
}

/** Its size as JSON text inside JSON. */
function encodedBytes(value: unknown): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(JSON.stringify(value)));
}

function shorten(value: unknown, maxBytes: number): unknown {
  if (encodedBytes(value) <= maxBytes) return value;
  if (Array.isArray(value)) return keepLatest(value, maxBytes);
  if (!isMembers(value)) return clip(value, maxBytes);
  const name = conversations.find((each) => Array.isArray(value[each]));
  const messages = name === undefined ? undefined : value[name];
  if (name === undefined || !Array.isArray(messages)) return clip(value, maxBytes);
  const { [name]: _, ...rest } = value;
  const keptRest = clip(rest, maxBytes / 4);
  const room = maxBytes - encodedBytes(keptRest) - 2 * name.length - 16;
  return { ...(isMembers(keptRest) ? keptRest : { rest: keptRest }), [name]: keepLatest(messages, room) };
}

/** As many of the latest messages as fit, the last one clipped where it alone is too large. */
function keepLatest(messages: readonly unknown[], maxBytes: number): readonly unknown[] {
  const last = clip(messages.at(-1), maxBytes - 8);
  const latestFirst = [last];
  let room = maxBytes - encodedBytes(last) - 8;
  for (const message of messages.slice(0, -1).toReversed()) {
    room -= encodedBytes(message) + 1;
    if (room < 0) break;
    latestFirst.push(message);
  }
  return latestFirst.toReversed();
}

/** The same shape with its long texts cut in the middle; where that is not enough, the beginning of its JSON as text. */
function clip(value: unknown, maxBytes: number): unknown {
  if (encodedBytes(value) <= maxBytes) return value;
  for (let length = (maxBytes * 3) / 4; length >= 64; length /= 2) {
    const clipped = clipTexts(value, Math.floor(length));
    if (encodedBytes(clipped) <= maxBytes) return clipped;
  }
  // A character of JSON text takes at most 12 bytes inside JSON: `\\u001f` is written with its backslash doubled.
  return clipText(JSON.stringify(value), Math.max(0, Math.floor(maxBytes / 12) - 40));
}

function clipTexts(value: unknown, length: number): unknown {
  if (typeof value === "string") return clipText(value, length);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => clipTexts(item, length));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, clipTexts(member, length)]));
}

function clipText(text: string, length: number): string {
  if (text.length <= length) return text;
  const head = text.slice(0, Math.ceil(length / 2)).toWellFormed();
  const tail = text.slice(text.length - Math.floor(length / 2)).toWellFormed();
  return `${head} … ${text.length - length} characters left out … ${tail}`;
}
