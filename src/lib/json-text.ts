import { endOfString, skipSpace } from "./json-scan.ts";

const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const colon = 0x3a;
const comma = 0x2c;
const minus = 0x2d;
const zero = 0x30;
const point = 0x2e;

/** A text that is nested more deeply counts as none. */
const maxDepth = 1_000;

/** How many values may still be looked at. */
export type ValuesLeft = { left: number };

/**
 * Where the JSON value that begins at `from` ends (RFC 8259, so that every parser finds the same in it); `undefined` where
 * there is none, and where there are no values left. No value is built, and what strings hold is not looked at.
 */
export function endOfJson(bytes: Uint8Array, from: number, values: ValuesLeft): number | undefined {
  const closers = new Uint8Array(maxDepth);
  let depth = 0;
  let at: number | undefined = from;
  for (;;) {
    values.left -= 1;
    if (values.left < 0) return undefined;
    const byte: number | undefined = bytes[at];
    if (byte === openBrace || byte === openBracket) {
      if (depth === maxDepth) return undefined;
      const closer: number = byte === openBrace ? closeBrace : closeBracket;
      closers[depth] = closer;
      depth += 1;
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== closer) {
        at = closer === closeBrace ? endOfKey(bytes, at) : at;
        if (at === undefined) return undefined;
        continue;
      }
    } else {
      at = endOfScalar(bytes, at);
      if (at === undefined || depth === 0) return at;
      at = skipSpace(bytes, at);
    }
    while (bytes[at] === closers[depth - 1]) {
      depth -= 1;
      if (depth === 0) return at + 1;
      at = skipSpace(bytes, at + 1);
    }
    if (bytes[at] !== comma) return undefined;
    at = skipSpace(bytes, at + 1);
    at = closers[depth - 1] === closeBrace ? endOfKey(bytes, at) : at;
    if (at === undefined) return undefined;
  }
}

/** Where the value of the member that begins there begins. */
function endOfKey(bytes: Uint8Array, from: number): number | undefined {
  const end = endOfString(bytes, from);
  const at = end && skipSpace(bytes, end);
  return at !== undefined && bytes[at] === colon ? skipSpace(bytes, at + 1) : undefined;
}

function endOfScalar(bytes: Uint8Array, from: number): number | undefined {
  switch (bytes[from]) {
    case 0x22:
      return endOfString(bytes, from);
    case 0x74:
      return endOfWord(bytes, from, "true");
    case 0x66:
      return endOfWord(bytes, from, "false");
    case 0x6e:
      return endOfWord(bytes, from, "null");
    default:
      return endOfNumber(bytes, from);
  }
}

function endOfWord(bytes: Uint8Array, from: number, word: string): number | undefined {
  for (let at = 1; at < word.length; at += 1) if (bytes[from + at] !== word.charCodeAt(at)) return undefined;
  return from + word.length;
}

function endOfNumber(bytes: Uint8Array, from: number): number | undefined {
  const first = bytes[from] === minus ? from + 1 : from;
  let at = bytes[first] === zero ? first + 1 : endOfDigits(bytes, first);
  if (at !== undefined && bytes[at] === point) at = endOfDigits(bytes, at + 1);
  if (at === undefined || (bytes[at] !== 0x65 && bytes[at] !== 0x45)) return at;
  const signed = bytes[at + 1] === minus || bytes[at + 1] === 0x2b;
  return endOfDigits(bytes, signed ? at + 2 : at + 1);
}

/** At least one of them. */
function endOfDigits(bytes: Uint8Array, from: number): number | undefined {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte === undefined || byte < zero || byte > 0x39) return at === from ? undefined : at;
    at += 1;
  }
}
