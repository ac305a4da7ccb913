/** The ids that were seen last, at most `max` of them. */
export function createRecentIds({ max }: { readonly max: number }) {
  const ids = new Set<string>();

  return {
    has: (id: string): boolean => ids.has(id),
    add(id: string): void {
      ids.add(id);
      if (ids.size <= max) return;
      // A set keeps the order in which it was filled.
      const [oldest] = ids;
      if (oldest !== undefined) ids.delete(oldest);
    },
  };
}
