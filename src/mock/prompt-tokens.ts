import { tokensIn } from "./text.ts";

/** A string longer than this beside a media key is a picture or a file, not words. */
const longestWords = 2_048;
const mediaKeys = new Set(["data", "url", "image_url", "file_data", "fileUri", "bytes"]);
/** What a picture or a file counts as, in characters. */
const mediaLength = 1_024;

/** How many LLM tokens the mock says that these parts of a request have: all their strings, four characters each, at least 1. */
export function promptTokens(...parts: readonly unknown[]): number {
  return Math.max(1, tokensIn(promptLength(parts)));
}

/** The characters in all strings of a JSON value, keys left out. */
export function promptLength(value: unknown, key = ""): number {
  if (typeof value === "string") return mediaKeys.has(key) && value.length > longestWords ? mediaLength : value.length;
  if (typeof value !== "object" || value === null) return 0;
  let length = 0;
  for (const [name, part] of Object.entries(value)) length += promptLength(part, name);
  return length;
}
