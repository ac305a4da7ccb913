/** What real traffic has told about an origin; times on the monotonic clock, in milliseconds. */
export type OriginState = {
  readonly answeredAt?: number;
  readonly failedAt?: number;
  /** The share of the calls of the last minutes that failed, from 0 to 1; absent where there were none. */
  readonly errorRate?: number;
};

/** Remembers which origins answer. */
export type Reachability = {
  /** A probe has no status, and is no call. */
  readonly answered: (origin: string, status?: number) => void;
  readonly failed: (origin: string, isCall?: boolean) => void;
  readonly find: (origin: string) => OriginState | undefined;
};

/** Calls are counted by spans of this length, and the last two count. Milliseconds. */
const spanMs = 150_000;

type Count = { calls: number; errors: number };
type State = { answeredAt?: number; failedAt?: number; spanFrom: number; current: Count; former: Count };

/** Creates an empty memory; it holds one entry for each configured origin, so it needs no bound. */
export function createReachability(elapsed: () => number): Reachability {
  const states = new Map<string, State>();

  return {
    answered(origin, status) {
      const now = elapsed();
      const state = stateAt(origin, now);
      state.answeredAt = now;
      if (status !== undefined) count(state, status >= 500);
    },
    failed(origin, isCall = true) {
      const now = elapsed();
      const state = stateAt(origin, now);
      state.failedAt = now;
      if (isCall) count(state, true);
    },
    find(origin) {
      if (!states.has(origin)) return undefined;
      const { answeredAt, failedAt, current, former } = stateAt(origin, elapsed());
      const calls = current.calls + former.calls;
      return {
        ...(answeredAt === undefined ? {} : { answeredAt }),
        ...(failedAt === undefined ? {} : { failedAt }),
        ...(calls === 0 ? {} : { errorRate: (current.errors + former.errors) / calls }),
      };
    },
  };

  function stateAt(origin: string, now: number): State {
    let state = states.get(origin);
    if (!state) {
      state = { spanFrom: now, current: none(), former: none() };
      states.set(origin, state);
    }
    const spans = Math.floor((now - state.spanFrom) / spanMs);
    if (spans === 0) return state;
    state.former = spans === 1 ? state.current : none();
    state.current = none();
    state.spanFrom += spans * spanMs;
    return state;
  }
}

function none(): Count {
  return { calls: 0, errors: 0 };
}

function count({ current }: State, isError: boolean): void {
  current.calls += 1;
  if (isError) current.errors += 1;
}
