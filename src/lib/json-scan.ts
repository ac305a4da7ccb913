import { decodeBytes } from "./bytes.ts";

/** One member of an object in a JSON text, as places in its bytes; ends are exclusive, the key's quotes are outside. */
export type Member = {
  readonly key: string;
  /** Where the key's opening quote stands. */
  readonly at: number;
  readonly start: number;
  readonly end: number;
};

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const colon = 0x3a;
const comma = 0x2c;

/**
 * Lists the members of the object that begins at `from` (white space and a BOM apart), without building any value:
 * what `JSON.parse` would find at that level, duplicates included. `undefined` where it isn't one whole object.
 * Values are skipped by their brackets, so a text that `JSON.parse` refuses may still be scanned.
 */
export function scanObject(bytes: Uint8Array, from = 0): readonly Member[] | undefined {
  let at = skipSpace(bytes, from === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : from);
  if (bytes[at] !== openBrace) return undefined;
  at = skipSpace(bytes, at + 1);
  const members: Member[] = [];
  if (bytes[at] === closeBrace) return members;
  for (;;) {
    const keyAt = at;
    const keyEnd = endOfString(bytes, at);
    if (keyEnd === undefined) return undefined;
    at = skipSpace(bytes, keyEnd);
    if (bytes[at] !== colon) return undefined;
    const start = skipSpace(bytes, at + 1);
    const end = endOfValue(bytes, start);
    if (end === undefined) return undefined;
    const key = readString(bytes, keyAt, keyEnd);
    if (key === undefined) return undefined;
    members.push({ key, at: keyAt, start, end });
    at = skipSpace(bytes, end);
    if (bytes[at] === closeBrace) return members;
    if (bytes[at] !== comma) return undefined;
    at = skipSpace(bytes, at + 1);
  }
}

/** The last member of that key, which is the one that counts in every common parser. */
export function findMember(members: readonly Member[], key: string): Member | undefined {
  return members.findLast((member) => member.key === key);
}

/** Where the white space that begins at `from` ends. */
export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

/** So many bytes are looked at one by one before the next quote is sought natively, which costs as much and pays for long strings. */
const nearby = 32;

/** Where the string that begins at `from` ends. Most of a prompt is long ones, and most of what is meant to cost is short ones. */
export function endOfString(bytes: Uint8Array, from: number): number | undefined {
  if (bytes[from] !== quote) return undefined;
  let at = from + 1;
  for (;;) {
    const far = at + nearby;
    for (; at < far; at += 1) {
      const byte = bytes[at];
      if (byte === quote) return at + 1;
      if (byte === backslash) at += 1;
    }
    at = bytes.indexOf(quote, at);
    if (at === -1) return undefined;
    let escapes = 0;
    while (bytes[at - 1 - escapes] === backslash) escapes += 1;
    if (escapes % 2 === 0) return at + 1;
    at += 1;
  }
}

function endOfValue(bytes: Uint8Array, from: number): number | undefined {
  const first = bytes[from];
  if (first === quote) return endOfString(bytes, from);
  if (first === openBrace || first === openBracket) return endOfBrackets(bytes, from);
  let at = from;
  while (isScalar(bytes[at])) at += 1;
  return at === from ? undefined : at;
}

function endOfBrackets(bytes: Uint8Array, from: number): number | undefined {
  let depth = 0;
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === quote) {
      const end = endOfString(bytes, at);
      if (end === undefined) return undefined;
      at = end;
      continue;
    }
    if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace || byte === closeBracket) depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  return undefined;
}

/** Letters, digits, signs and points: what numbers, `true`, `false` and `null` are made of. */
function isScalar(byte: number | undefined): boolean {
  return byte !== undefined && byte > 0x20 && byte !== comma && byte !== closeBrace && byte !== closeBracket;
}

/** What the string from `at` to `end` says: one with escapes (`"\u006dodel"`) means the same text. `undefined` where it is no JSON. */
export function readString(bytes: Uint8Array, at: number, end: number): string | undefined {
  const text = decodeBytes(bytes, "utf8", at + 1, end - 1);
  if (!text.includes("\\")) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return undefined;
  }
}
