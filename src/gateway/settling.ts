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
/** Places that are empty are given back when there are so many, and more than of the others. */
const manyEmpty = 256;

/** Creates it. */
export function createSettling(elapsed: () => number): Settling {
  // No `Map`: one with much coming and going keeps what it once held until a full collection. Exchanges are settled in
  // about the order in which they ended, so that one is looked for where the last was found.
  let waiting: (Unsettled | undefined)[] = [];
  let empty = 0;
  let next = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  return {
    await(unsettled) {
      unsettled.since = elapsed();
      waiting.push(unsettled);
      timer ??= setTimeout(giveUp, waitMs);
      timer.unref();
    },
    settle(settlements) {
      for (const real of settlements) finish(find(real.id), real);
      if (empty >= manyEmpty && empty * 2 > waiting.length) closeUp();
    },
    close() {
      clearTimeout(timer);
      for (let place = 0; place < waiting.length; place += 1) finish(place, undefined);
      closeUp();
    },
  };

  /** Where it waits; -1 where it doesn't. */
  function find(id: string): number {
    for (let place = next; place < waiting.length; place += 1) if (waiting[place]?.id === id) return place;
    for (let place = Math.min(next, waiting.length) - 1; place >= 0; place -= 1)
      if (waiting[place]?.id === id) return place;
    return -1;
  }

  function finish(place: number, real: Settlement | undefined): void {
    const found = waiting[place];
    if (!found) return;
    waiting[place] = undefined;
    empty += 1;
    next = place + 1;
    found.settle(real);
  }

  function closeUp(): void {
    waiting = waiting.filter((unsettled) => unsettled !== undefined);
    empty = 0;
    next = 0;
  }

  function giveUp(): void {
    const before = elapsed() - waitMs;
    for (const [place, unsettled] of waiting.entries())
      if (unsettled && unsettled.since <= before) finish(place, undefined);
    closeUp();
    timer = waiting.length > 0 ? setTimeout(giveUp, waitMs / 4) : undefined;
    timer?.unref();
  }
}
