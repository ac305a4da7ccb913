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

/**
 * Whether bytes are one JSON text (RFC 8259) and nothing else, a BOM and white space apart, so that every parser finds the same
 * members in it. No value is built, and what strings hold is not looked at.
 */
export function isJsonText(bytes: Buffer): boolean {
  const closers = new Uint8Array(maxDepth);
  let depth = 0;
  let at: number | undefined = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (;;) {
    at = skipSpace(bytes, at);
    const byte = bytes[at];
    if (byte === openBrace || byte === openBracket) {
      if (depth === maxDepth) return false;
      const closer = byte === openBrace ? closeBrace : closeBracket;
      closers[depth] = closer;
      depth += 1;
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== closer) {
        at = closer === closeBrace ? endOfKey(bytes, at) : at;
        if (at === undefined) return false;
        continue;
      }
    } else at = endOfScalar(bytes, at);
    if (at === undefined) return false;
    at = skipSpace(bytes, at);
    while (depth > 0 && bytes[at] === closers[depth - 1]) {
      depth -= 1;
      at = skipSpace(bytes, at + 1);
    }
    if (depth === 0) return at === bytes.length;
    if (bytes[at] !== comma) return false;
    at = closers[depth - 1] === closeBrace ? endOfKey(bytes, skipSpace(bytes, at + 1)) : at + 1;
    if (at === undefined) return false;
  }
}

/** A key and its colon. */
function endOfKey(bytes: Buffer, from: number): number | undefined {
  const end = endOfString(bytes, from);
  const at = end && skipSpace(bytes, end);
  return at !== undefined && bytes[at] === colon ? at + 1 : undefined;
}

function endOfScalar(bytes: Buffer, from: number): number | undefined {
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

function endOfWord(bytes: Buffer, from: number, word: string): number | undefined {
  const end = from + word.length;
  return bytes.toString("latin1", from, end) === word ? end : undefined;
}

function endOfNumber(bytes: Buffer, from: number): number | undefined {
  const first = bytes[from] === minus ? from + 1 : from;
  let at = bytes[first] === zero ? first + 1 : endOfDigits(bytes, first);
  if (at !== undefined && bytes[at] === point) at = endOfDigits(bytes, at + 1);
  if (at === undefined || (bytes[at] !== 0x65 && bytes[at] !== 0x45)) return at;
  const signed = bytes[at + 1] === minus || bytes[at + 1] === 0x2b;
  return endOfDigits(bytes, signed ? at + 2 : at + 1);
}

/** At least one of them. */
function endOfDigits(bytes: Buffer, from: number): number | undefined {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte === undefined || byte < zero || byte > 0x39) return at === from ? undefined : at;
    at += 1;
  }
}
