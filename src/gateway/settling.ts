import type { Settlement } from "../domain/settlement.ts";

/** What an exchange has reserved, until what it really took is known; `undefined` where nobody will know. */
export type Unsettled = {
  readonly settle: (real: Settlement | undefined) => void;
  /** When it began to wait. Monotonic milliseconds. */
  since: number;
};

/** Exchanges that have ended and whose real usage isn't known yet. */
export type Settling = {
  /** Gives the number under which it is settled. */
  readonly await: (unsettled: Unsettled) => number;
  readonly settle: (settlements: readonly Settlement[]) => void;
  /** What waits stands as it was estimated. */
  readonly close: () => void;
};

/** An answer that nobody has read by then (its record was dropped) stands as it was estimated. Milliseconds. */
const waitMs = 60_000;
/** Places before the first that still waits are given back when there are so many, and more than of the others. */
const manyEmpty = 256;

/** Creates it. */
export function createSettling(elapsed: () => number): Settling {
  // No `Map`: one with much coming and going keeps what it once held until a full collection. Numbers rise, so that a
  // number is a place, less those that were given back.
  let waiting: (Unsettled | undefined)[] = [];
  let givenBack = 0;
  let empty = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  return {
    await(unsettled) {
      unsettled.since = elapsed();
      timer ??= setTimeout(giveUp, waitMs).unref();
      return givenBack + waiting.push(unsettled);
    },
    settle(settlements) {
      for (const real of settlements) finish(real.number - givenBack - 1, real);
      closeUp();
    },
    close() {
      clearTimeout(timer);
      for (let place = empty; place < waiting.length; place += 1) finish(place, undefined);
      closeUp();
    },
  };

  function finish(place: number, real: Settlement | undefined): void {
    const found = waiting[place];
    if (!found) return;
    waiting[place] = undefined;
    found.settle(real);
  }

  function closeUp(): void {
    while (empty < waiting.length && !waiting[empty]) empty += 1;
    if (empty < manyEmpty || empty * 2 < waiting.length) return;
    waiting = waiting.slice(empty);
    givenBack += empty;
    empty = 0;
  }

  function giveUp(): void {
    const before = elapsed() - waitMs;
    for (let place = empty; place < waiting.length; place += 1) {
      const unsettled = waiting[place];
      if (unsettled && unsettled.since > before) break;
      finish(place, undefined);
    }
    closeUp();
    timer = empty < waiting.length ? setTimeout(giveUp, waitMs / 4).unref() : undefined;
  }
}
