/** Keeps the newest things by their id, and no more than a limit. */
export type Shelf<T> = {
  readonly put: (id: string, thing: T) => void;
  readonly find: (id: string) => T | undefined;
  /** Newest first. */
  readonly list: () => readonly T[];
  readonly remove: (id: string) => boolean;
};

/** Creates a shelf; the oldest thing gives way to a new one. */
export function createShelf<T>(limit = 1_000): Shelf<T> {
  const things = new Map<string, T>();
  return {
    put(id, thing) {
      things.delete(id);
      things.set(id, thing);
      const oldest = things.keys().next();
      if (things.size > limit && oldest.done !== true) things.delete(oldest.value);
    },
    find: (id) => things.get(id),
    list: () => [...things.values()].toReversed(),
    remove: (id) => things.delete(id),
  };
}
