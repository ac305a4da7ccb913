/** A word that is known, and what it means. */
export type Word<T> = { readonly name: string; readonly meaning: T };

/** Finds words by the bytes that spell them, without making text of them. */
export type WordTable<T> = {
  readonly find: (bytes: Uint8Array, start: number, end: number) => Word<T> | undefined;
};

type Entry<T> = Word<T> & { readonly spelt: Uint8Array };

/** A power of two, well above the number of words. */
export const slots = 256;

/** Creates a table of words, none of which is empty. */
export function createWordTable<T>(words: Iterable<readonly [name: string, meaning: T]>): WordTable<T> {
  const table: Entry<T>[][] = Array.from({ length: slots }, () => []);
  for (const [name, meaning] of words) {
    const spelt = new TextEncoder().encode(name);
    table[slotOf(spelt, 0, spelt.length)]?.push({ name, meaning, spelt });
  }

  return {
    find(bytes, start, end) {
      const entries = table[slotOf(bytes, start, end)];
      if (entries === undefined) return undefined;
      for (const entry of entries) if (isSpelt(entry.spelt, bytes, start, end)) return entry;
      return undefined;
    },
  };
}

/** A number below `slots` that hardly two of some dozen words have in common. */
export function slotOf(bytes: Uint8Array, start: number, end: number): number {
  return (((end - start) * 37) ^ ((bytes[start] ?? 0) * 5) ^ ((bytes[end - 1] ?? 0) * 11)) & (slots - 1);
}

/** Whether the bytes from `start` to `end` are those of `spelt`. */
export function isSpelt(spelt: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== spelt.length) return false;
  for (let at = 0; at < spelt.length; at += 1) if (bytes[start + at] !== spelt[at]) return false;
  return true;
}
