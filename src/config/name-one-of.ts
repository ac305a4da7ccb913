import { findNearest } from "./nearest.ts";

/** The end of a sentence about a name that is none of those there are, with the one that was probably meant. */
export function nameOneOf(known: readonly string[], written: string): string {
  const nearest = findNearest(written, known);
  const advice = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return `name one of ${known.join(", ")}, not "${written}"${advice}`;
}
