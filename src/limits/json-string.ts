import { decodeBytes } from "../lib/bytes.ts";

/** Where something stands in bytes; the end is exclusive. */
export type Span = { readonly start: number; readonly end: number };

const backslash = 0x5c;
const letterU = 0x75;

/** What a JSON string says, the place of which is given without its quotes; `undefined` where it is empty, or no JSON. */
export function readText(bytes: Uint8Array, { start, end }: Span): string | undefined {
  const text = decodeBytes(bytes, "utf8", start, end);
  if (text === "") return undefined;
  if (!text.includes("\\")) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return undefined;
  }
}

/** The code points of a JSON string, the place of which is given without its quotes: an escape is one, and so is a pair of surrogates. */
export function countCharacters(bytes: Uint8Array, { start, end }: Span): number {
  let characters = 0;
  let at = start;
  /** Where a low surrogate would belong to the high one before it. */
  let pairAt = -1;
  while (at < end) {
    const byte = bytes[at] ?? 0;
    if (byte !== backslash) {
      // All bytes of a character in UTF-8 but the first begin with the bits 10.
      if ((byte & 0xc0) !== 0x80) characters += 1;
      at += 1;
    } else {
      const half = codeHalf(bytes, at);
      if (half !== "low" || at !== pairAt) characters += 1;
      at += half === undefined ? 2 : 6;
      if (half === "high") pairAt = at;
    }
  }
  return characters;
}

/** What an escape that begins at `at` with four digits stands for: half of a pair of surrogates, or a character; `undefined` for all others. */
export function codeHalf(bytes: Uint8Array, at: number): "high" | "low" | "whole" | undefined {
  const code = readCode(bytes, at);
  if (code === undefined) return undefined;
  if (code < 0xd800 || code > 0xdfff) return "whole";
  return code < 0xdc00 ? "high" : "low";
}

/** No word that is known is longer. */
const longestWord = 32;

/** The bytes of a string with escapes, where all of them stand for letters of ASCII; `undefined` for others and long ones. */
export function unescapeWord(bytes: Uint8Array, { start, end }: Span): Uint8Array | undefined {
  if (end - start > longestWord * "\\u0000".length) return undefined;
  const word = new Uint8Array(longestWord);
  let length = 0;
  for (let at = start; at < end; length += 1) {
    const escaped = bytes[at] === backslash;
    const code = escaped ? readCode(bytes, at) : bytes[at];
    if (code === undefined || code >= 0x80 || length === longestWord) return undefined;
    word[length] = code;
    at += escaped ? "\\u0000".length : 1;
  }
  return word.subarray(0, length);
}

/** What `\u006d` stands for; the shorter escapes are no letters. */
function readCode(bytes: Uint8Array, at: number): number | undefined {
  if (bytes[at + 1] !== letterU) return undefined;
  let code = 0;
  for (let digit = at + 2; digit < at + 6; digit += 1) code = code * 16 + hexOf(bytes[digit] ?? 0);
  return Number.isNaN(code) ? undefined : code;
}

function hexOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NaN;
}
