/** The ids that were seen last: at most `max` of them, and never fewer than half as many. */
export function createRecentIds({ max }: { readonly max: number }) {
  let young = new Set<string>();
  // Forgetting half of them at once costs nothing; to look for the oldest one with each that comes would.
  let old: ReadonlySet<string> = new Set();

  return {
    has: (id: string): boolean => young.has(id) || old.has(id),
    add(id: string): void {
      // An id is a piece of the text that it was read from, which would be kept with it: so a copy is.
      young.add(Buffer.from(id).toString());
      if (young.size < max / 2) return;
      old = young;
      young = new Set();
    },
  };
}
