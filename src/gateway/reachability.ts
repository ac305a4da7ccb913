/** What real traffic has told about an origin; times on the monotonic clock, in milliseconds. */
export type OriginState = { readonly answeredAt?: number; readonly failedAt?: number };

/** Remembers which origins answer. */
export type Reachability = {
  readonly answered: (origin: string) => void;
  readonly failed: (origin: string) => void;
  readonly find: (origin: string) => OriginState | undefined;
};

/** Creates an empty memory; it holds one entry for each configured origin, so it needs no bound. */
export function createReachability(elapsed: () => number): Reachability {
  const states = new Map<string, { answeredAt?: number; failedAt?: number }>();
  const stateOf = (origin: string) => {
    const known = states.get(origin);
    if (known) return known;
    const state: { answeredAt?: number; failedAt?: number } = {};
    states.set(origin, state);
    return state;
  };
  return {
    answered(origin) {
      stateOf(origin).answeredAt = elapsed();
    },
    failed(origin) {
      stateOf(origin).failedAt = elapsed();
    },
    find: (origin) => states.get(origin),
  };
}
