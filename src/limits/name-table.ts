import { readText, type Span } from "./json-string.ts";
import { isSpelt, slotOf, slots } from "./word-table.ts";

/** Reads names that come again and again, each of which is made a text of but once; what is looked up by the same text is found faster. */
export type NameTable = {
  /** What a JSON string says, as `readText` reads it. */
  readonly read: (bytes: Uint8Array, place: Span) => string | undefined;
};

type Entry = { readonly spelt: Uint8Array; readonly text: string | undefined };

/** Longer ones are read anew each time. Bytes. */
const longest = 64;

/** Creates an empty table: a name that has its slot in common with another takes its place. */
export function createNameTable(): NameTable {
  const table: (Entry | undefined)[] = Array.from({ length: slots });

  return {
    read(bytes, { start, end }) {
      const slot = slotOf(bytes, start, end);
      const known = table[slot];
      if (known !== undefined && isSpelt(known.spelt, bytes, start, end)) return known.text;
      const text = readText(bytes, { start, end });
      if (end - start <= longest) table[slot] = { spelt: new Uint8Array(bytes.subarray(start, end)), text };
      return text;
    },
  };
}
