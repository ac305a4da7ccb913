import { endOfString } from "../lib/json-scan.ts";
import { codeHalf, countCharacters } from "./json-string.ts";

/** What strings are counted with: they are looked at in the order in which they stand. */
export type StringScan = {
  readonly bytes: Uint8Array;
  /** Whether all bytes are ASCII: those of a string without a backslash are its characters. */
  readonly ascii: boolean;
  /** Where the next backslash stands, seen from the last string that was asked about. */
  backslash: number;
  /** Characters of the string that was read last. */
  characters: number;
};

const quote = 0x22;
const backslash = 0x5c;

/** A string that is longer is looked through natively. */
const shortString = 24;

/** Where the string ends that begins at `from`. Most are short: a loop finds their end before a native search has begun. */
export function findStringEnd(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from + 1; at < from + shortString; at += 1) {
    const byte = bytes[at];
    if (byte === quote) return at + 1;
    if (byte === backslash) break;
  }
  return endOfString(bytes, from);
}

/** Behind every byte, and a small integer. */
const nowhere = 2 ** 30;

/** Where the first backslash after `from` stands. It is asked in the order of the bytes, so each is looked at once. */
export function findBackslash(scan: StringScan, from: number): number {
  if (scan.backslash < from) {
    const found = scan.bytes.indexOf(backslash, from);
    scan.backslash = found === -1 ? nowhere : found;
  }
  return scan.backslash;
}

/** Where the string ends that begins at `from`; how many characters it has is left with the scanner. */
export function countString(scan: StringScan, from: number): number | undefined {
  const { bytes } = scan;
  const start = from + 1;
  for (let at = start; at < start + shortString; at += 1) {
    const byte = bytes[at];
    if (byte === quote) {
      scan.characters = at - start;
      return at + 1;
    }
    if (byte === undefined) return undefined;
    if (byte === backslash || byte >= 0x80) break;
  }
  if (scan.ascii) return countAsciiString(scan, start);
  const stop = endOfString(bytes, from);
  if (stop === undefined) return undefined;
  scan.characters = countCharacters(bytes, { start, end: stop - 1 });
  return stop;
}

/** So many bytes behind an escape are looked at one by one, since the next is mostly near, before it is sought natively. */
const nearby = 16;

/** The same of a string of ASCII from its first byte on: each byte is a character, but for those of escapes. */
function countAsciiString(scan: StringScan, start: number): number | undefined {
  const { bytes } = scan;
  let at = start;
  let bytesOfEscapes = 0;
  /** Where the next quote stands that was sought natively. */
  let quoteAt = -1;
  /** Where a low surrogate would belong to the high one before it. */
  let pairAt = -1;
  let far = start;
  while (at < bytes.length) {
    if (at === far) {
      if (quoteAt < at) quoteAt = bytes.indexOf(quote, at);
      if (quoteAt === -1) return undefined;
      const backslashAt = findBackslash(scan, at);
      at = backslashAt < quoteAt ? backslashAt : quoteAt;
    }
    const byte = bytes[at];
    if (byte === quote) {
      scan.characters = at - start - bytesOfEscapes;
      return at + 1;
    }
    if (byte !== backslash) {
      at += 1;
      continue;
    }
    const half = codeHalf(bytes, at);
    if (half === undefined) {
      bytesOfEscapes += 1;
      at += 2;
    } else {
      bytesOfEscapes += half === "low" && at === pairAt ? 6 : 5;
      at += 6;
      if (half === "high") pairAt = at;
    }
    far = at + nearby;
  }
  return undefined;
}
