/** Counts exchanges from their arrival to their record. */
export type InFlight = {
  readonly begin: () => void;
  readonly end: () => void;
  readonly count: () => number;
  /** Waits until none is left; false where some still are after `withinMs` (0 waits for the last). */
  readonly idle: (withinMs: number) => Promise<boolean>;
};

/** Creates a count of none. */
export function createInFlight(): InFlight {
  let count = 0;
  const waiting = new Set<() => void>();

  return {
    begin() {
      count += 1;
    },
    end() {
      count -= 1;
      if (count === 0) for (const resolve of waiting) resolve();
    },
    count: () => count,
    async idle(withinMs) {
      if (count === 0) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const settle = () => resolve(count === 0);
      waiting.add(settle);
      const timer = withinMs > 0 ? setTimeout(settle, withinMs) : undefined;
      const idle = await promise;
      clearTimeout(timer);
      waiting.delete(settle);
      return idle;
    },
  };
}
