import { findBytes } from "../lib/bytes.ts";
import type { JsonBounds } from "../lib/json-object.ts";

/** So many parameters are looked at; no real request comes near. */
export const mostParameters = 5_000;

/** So many characters of a name. */
export const longestName = 1_000;

/** So many of a text that is compared with patterns. */
export const longestText = 100_000;

/** So many values of a JSON text, at any depth: 8 MB could hold four millions, and all other calls would wait for them. */
export const mostValues = 500_000;

export const jsonBounds: JsonBounds = { values: mostValues, members: mostParameters, name: longestName };

/** Whether what parts one parameter from the next stands there more than `most` times. */
export function hasManyMarks(bytes: Uint8Array, mark: Uint8Array, most: number): boolean {
  let at = findBytes(bytes, mark);
  for (let found = 0; at !== -1; found += 1) {
    if (found === most) return true;
    at = findBytes(bytes, mark, at + mark.length);
  }
  return false;
}
