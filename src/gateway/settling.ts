import type { Settlement } from "../domain/settlement.ts";

/** What an exchange has reserved, until what it really took is known; `undefined` where nobody will know. */
export type Unsettled = {
  readonly id: string;
  readonly settle: (real: Settlement | undefined) => void;
  /** When it began to wait. Monotonic milliseconds. */
  since: number;
};

/** Exchanges that have ended and whose real usage isn't known yet. */
export type Settling = {
  readonly await: (unsettled: Unsettled) => void;
  readonly settle: (settlements: readonly Settlement[]) => void;
  /** What waits stands as it was estimated. */
  readonly close: () => void;
};

/** An answer that nobody has read by then (its record was dropped) stands as it was estimated. Milliseconds. */
const waitMs = 60_000;

/** Creates it. */
export function createSettling(elapsed: () => number): Settling {
  /** In the order in which they ended. */
  const waiting = new Map<string, Unsettled>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  return {
    await(unsettled) {
      unsettled.since = elapsed();
      waiting.set(unsettled.id, unsettled);
      timer ??= setTimeout(giveUp, waitMs);
      timer.unref();
    },
    settle(settlements) {
      for (const real of settlements) finish(real.id, real);
    },
    close() {
      clearTimeout(timer);
      for (const id of waiting.keys()) finish(id, undefined);
    },
  };

  function finish(id: string, real: Settlement | undefined): void {
    const found = waiting.get(id);
    if (found && waiting.delete(id)) found.settle(real);
  }

  function giveUp(): void {
    const before = elapsed() - waitMs;
    for (const [id, { since }] of waiting) {
      if (since > before) break;
      finish(id, undefined);
    }
    timer = waiting.size > 0 ? setTimeout(giveUp, waitMs / 4) : undefined;
    timer?.unref();
  }
}
