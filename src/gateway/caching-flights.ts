import type { CacheEntry } from "../cache/cache.ts";

/** A request that equal ones wait for; `land` is told what it brought, if it is kept, and counts once. */
export type Flight = { readonly land: (entry?: CacheEntry) => void };

/** Requests of which equal ones are made once. */
export type Flights = {
  /** The flight that a request leads, or what comes of the one that is under way. */
  readonly join: (hash: string) => Flight | Promise<CacheEntry | undefined>;
};

/** Creates it, with nobody under way. */
export function createFlights(): Flights {
  const underWay = new Map<string, Promise<CacheEntry | undefined>>();
  return {
    join(hash) {
      const leader = underWay.get(hash);
      if (leader) return leader;
      const { promise, resolve } = Promise.withResolvers<CacheEntry | undefined>();
      underWay.set(hash, promise);
      return {
        land(entry) {
          if (underWay.get(hash) === promise) underWay.delete(hash);
          resolve(entry);
        },
      };
    },
  };
}
