import type { SlidingWindow } from "./sliding-window.ts";

/** What is counted for one value of a scope; a minute's windows are there once a figure needs them. */
export type Counter = {
  minuteRequests: SlidingWindow | undefined;
  minuteTokens: SlidingWindow | undefined;
  /** Of the UTC day with this number. */
  day: number;
  dayRequests: number;
  dayTokens: number;
  concurrent: number;
  /** The second of the last call. */
  usedAt: number;
  /** Whether it was used since the shelf last looked at it. */
  touched: boolean;
};

/** Keeps counters by key. */
export type CounterShelf = {
  /** The counter, a new one where there is none. */
  readonly find: (key: string, second: number, day: number) => Counter;
  readonly size: () => number;
};

const idleSeconds = 61;
/** So many counters are looked past before one goes that is in use. */
const mostChances = 32;
/** One counter is looked at, whether it still counts anything, for so many that are found. */
const findsPerLook = 8;

/** Creates a shelf for `most` counters: those that count nothing go by and by; beyond `most` one that wasn't used of late goes for each that is new. */
export function createCounterShelf(most: number): CounterShelf {
  const counters = new Map<string, Counter>();
  // A live iterator is the hand of a clock: it costs nothing to go on where it stopped.
  let hand = counters.entries();
  let finds = 0;

  return {
    size: () => counters.size,
    find(key, second, day) {
      finds += 1;
      if (finds % findsPerLook === 0) dropIdle(second, day);
      const known = counters.get(key);
      if (known !== undefined) {
        known.touched = true;
        known.usedAt = second;
        return known;
      }
      dropIdle(second, day);
      if (counters.size >= most) dropUnused();
      const made: Counter = {
        minuteRequests: undefined,
        minuteTokens: undefined,
        day,
        dayRequests: 0,
        dayTokens: 0,
        concurrent: 0,
        usedAt: second,
        touched: false,
      };
      counters.set(key, made);
      return made;
    },
  };

  function dropIdle(second: number, day: number): void {
    const next = look();
    if (next !== undefined && isIdle(next[1], second, day)) counters.delete(next[0]);
  }

  function dropUnused(): void {
    for (let chances = 0; ; chances += 1) {
      const next = look();
      if (next === undefined) return;
      const [key, counter] = next;
      if (chances >= mostChances || (!counter.touched && counter.concurrent === 0)) {
        counters.delete(key);
        return;
      }
      counter.touched = false;
    }
  }

  function look(): [string, Counter] | undefined {
    const next = hand.next();
    if (next.done !== true) return next.value;
    hand = counters.entries();
    const first = hand.next();
    return first.done === true ? undefined : first.value;
  }
}

function isIdle({ usedAt, concurrent, day, dayRequests, dayTokens }: Counter, second: number, today: number): boolean {
  if (concurrent > 0 || second - usedAt < idleSeconds) return false;
  return day !== today || (dayRequests === 0 && dayTokens === 0);
}
