/** Keeps a part that fails or is slow from costing anybody more than its first failure. */
export type Breaker = {
  /** What a task gives, in time; `undefined` where it failed, or wasn't even tried because the part is away. */
  readonly run: <T>(task: () => Promise<T>) => Promise<T | undefined>;
  readonly isOpen: () => boolean;
  /** The part is away until it gives a sign of life. */
  readonly trip: (error: unknown) => void;
  readonly close: () => void;
};

/** What it is made of; milliseconds. */
export type BreakerParts = {
  readonly withinMs: number;
  readonly probeEveryMs: number;
  /** Asks for a sign of life; rejects where none comes in time. */
  readonly probe: () => Promise<unknown>;
  /** Gets why the part is away, each time that it is found to be. */
  readonly onAway: (error: unknown) => void;
};

/** Creates it, open until the first sign of life. Whether the part has come back is found out by probes, never at a call's cost. */
export function createBreaker({ withinMs, probeEveryMs, probe, onAway }: BreakerParts): Breaker {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let open = true;
  let closed = false;
  void look();

  return {
    async run(task) {
      if (open) return undefined;
      try {
        return await withDeadline(task(), withinMs);
      } catch (error) {
        trip(error);
        return undefined;
      }
    },
    isOpen: () => open,
    trip,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };

  function trip(error: unknown): void {
    if (open || closed) return;
    open = true;
    onAway(error);
    lookLater();
  }

  async function look(): Promise<void> {
    try {
      await probe();
      open = false;
    } catch (error) {
      if (closed) return;
      onAway(error);
      lookLater();
    }
  }

  function lookLater(): void {
    timer = setTimeout(() => void look(), probeEveryMs);
    timer.unref();
  }
}

async function withDeadline<T>(task: Promise<T>, withinMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`It did not answer within ${withinMs} ms`)), withinMs);
  try {
    return await Promise.race([task, late.promise]);
  } finally {
    clearTimeout(timer);
    // A failure that comes after its deadline is nobody's any more.
    task.catch(() => {});
  }
}
