import { readJsonEnd } from "./json-end.ts";
import { endOfText, isWithinBounds, parseJson } from "./parse-json.ts";

/** An object out of JSON that was cut. */
export type Salvaged = Readonly<Record<string, unknown>>;

/** Members that tell where the end of a body stands: those that come late and matter. */
const lateKeys = ["usage", "usageMetadata", "model", "modelVersion", "responseId", "stream"] as const;
const usageKeys = ["usage", "usageMetadata"] as const;
/** What is put before the end of a text to make it whole: it stood in an object, in an object's object, or in an array of objects. */
const beginnings = ["{", '{"":{', "[{"] as const;
/** A key that stands deeper, too, is looked for so often. */
const maxTries = 4;
/** So much is looked at of the end of a text that holds too much for one look. */
const maxEndChars = 65_536;

/**
 * Reads a JSON object whose end (`head` alone) or middle (`head` and `tail`) is missing: what was whole before the cut,
 * the text that was being written included, and what stands whole at the end: members, and elements of the list that was cut. `undefined` where the head is no JSON object.
 */
export function salvageJson(head: string, tail?: string): Salvaged | undefined {
  const { text, excess } = closeJson(withoutCutUsage(head));
  const value = asObject(parseJson(text));
  const end = tail ?? (excess ? head.slice(Math.max(text.length, head.length - maxEndChars)) : undefined);
  return value && (end === undefined ? value : addTail(value, end));
}

function addTail(value: Salvaged, tail: string): Salvaged {
  const end = readJsonEnd(tail);
  return end === undefined
    ? { ...value, ...salvageEnd(tail) }
    : { ...addElements(value, end.elements), ...end.members };
}

/** The last member of the head is the list that the tail goes on with, if what stands in them is alike. */
function addElements(value: Salvaged, elements: readonly unknown[]): Salvaged {
  const [name, list] = Object.entries(value).at(-1) ?? [];
  if (name === undefined || !Array.isArray(list) || !isAlike(list[0], elements[0])) return value;
  return { ...value, [name]: [...(list as readonly unknown[]), ...elements] };
}

function isAlike(one: unknown, other: unknown): boolean {
  return Object.keys(asObject(one) ?? {})[0] === Object.keys(asObject(other) ?? {})[0];
}

/** Reads the members at the end of a JSON text whose beginning is missing, `usage` and the model before all; empty where there are none. */
export function salvageEnd(tail: string): Salvaged {
  const places = lateKeys.flatMap((key) => lastPlaces(tail, `"${key}"`)).toSorted((a, b) => a - b);
  for (const at of places) {
    const end = tail.slice(at);
    // If it is whole JSON with one beginning before it, then the key stands where that beginning says.
    for (const beginning of beginnings) {
      const members = innermost(parseJson(beginning + end));
      if (members) return members;
    }
  }
  return lastUsage(tail);
}

/** A text that ends anywhere may still have a whole usage object in it: the last one counts. */
function lastUsage(text: string): Salvaged {
  for (const key of usageKeys) {
    const at = lastObject(text, key);
    if (at === undefined) continue;
    const closed = closeJson(text.slice(at));
    const value = closed.whole ? asObject(parseJson(closed.text)) : undefined;
    if (value) return { [key]: value };
  }
  return {};
}

/** Half a usage is a wrong usage. */
function withoutCutUsage(text: string): string {
  for (const key of usageKeys) {
    const at = lastObject(text, key);
    if (at !== undefined && !closeJson(text.slice(at)).whole) return text.slice(0, text.lastIndexOf(`"${key}"`));
  }
  return text;
}

/** Where the object begins that the last member of that key holds. */
function lastObject(text: string, key: string): number | undefined {
  const at = text.lastIndexOf(`"${key}"`);
  if (at === -1) return undefined;
  const opening = /^\s*:\s*(?=\{)/.exec(text.slice(at + key.length + 2, at + key.length + 66));
  return opening ? at + key.length + 2 + opening[0].length : undefined;
}

type Closed = { readonly text: string; readonly whole: boolean; readonly excess: boolean };

/**
 * Closes a JSON text that was cut: an open string is ended, what isn't whole else is left out, open brackets are closed.
 * Ends at the end of the first value; `whole` says that it was there, `excess` that more follows than can be parsed.
 */
function closeJson(text: string): Closed {
  const closers: string[] = [];
  let values = 1;
  let excess = false;
  let keyNext = false;
  // Up to here, brackets apart, the text is good JSON.
  let good = 0;
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === '"') {
      const end = endOfText(text, at);
      if (end === undefined) {
        if (keyNext) break;
        const closed = text.slice(0, at) + closeString(text.slice(at)) + closeAll(closers);
        return { text: closed, whole: false, excess: false };
      }
      at = end;
      if (!keyNext) good = at;
      continue;
    }
    if (char === "{" || char === "[" || char === ",") {
      values += 1;
      excess = !isWithinBounds(closers.length + 1, values);
      if (excess) break;
    }
    at += 1;
    if (char === "{" || char === "[") {
      closers.push(char === "{" ? "}" : "]");
      keyNext = char === "{";
      good = at;
    } else if (char === "}" || char === "]") {
      closers.pop();
      good = at;
      if (closers.length === 0) return { text: text.slice(0, at), whole: true, excess };
    } else if (char === ",") keyNext = closers.at(-1) === "}";
    else if (char === ":") keyNext = false;
    else if (char !== undefined && !isSpace(char)) {
      while (at < text.length && isScalar(text.charCodeAt(at))) at += 1;
      if (at < text.length) good = at;
    }
  }
  return { text: text.slice(0, good) + closeAll(closers), whole: false, excess };
}

function closeAll(closers: readonly string[]): string {
  return closers.toReversed().join("");
}

/** Ends a string that was cut, an escape that was cut with it left out. */
function closeString(text: string): string {
  for (let length = text.length; length > text.length - 6; length -= 1) {
    const closed = `${text.slice(0, length)}"`;
    if (parseJson(closed) !== undefined) return closed;
  }
  return '""';
}

function isSpace(char: string): boolean {
  return char === " " || char === "\n" || char === "\r" || char === "\t" || char === "\ufeff";
}

/** Letters, digits, signs and points: what numbers, `true`, `false` and `null` are made of. */
function isScalar(code: number): boolean {
  return code > 0x20 && code !== 0x2c && code !== 0x5d && code !== 0x7d;
}

function lastPlaces(text: string, key: string): readonly number[] {
  const places: number[] = [];
  let at = text.length;
  while (places.length < maxTries && at > 0) {
    at = text.lastIndexOf(key, at - 1);
    if (at === -1) break;
    places.push(at);
  }
  return places;
}

/** The members that the text itself held, without the beginning that was put before it. */
function innermost(value: unknown): Salvaged | undefined {
  const outer = asObject(Array.isArray(value) ? value[0] : value);
  return asObject(outer?.[""]) ?? outer;
}

function asObject(value: unknown): Salvaged | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
