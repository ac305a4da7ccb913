import { windowSeconds } from "./limiter.ts";

/** A count of the last minute; never more than was counted within 60 seconds is forgotten too early, and what is forgotten late is so by a second at most. */
export type SlidingWindow = {
  /** The second that is being counted in. */
  head: number;
  sum: number;
  /** What was counted in each second, at the second's number modulo its length. */
  readonly slots: Float64Array;
};

const slotCount = 64;
const slotMask = slotCount - 1;

/** Creates an empty window. */
export function createWindow(second: number): SlidingWindow {
  return { head: second, sum: 0, slots: new Float64Array(slotCount) };
}

/** Forgets what is too old at `second`; a clock that was put back begins anew. */
export function advance(window: SlidingWindow, second: number): void {
  const { head, slots } = window;
  if (second === head) return;
  window.head = second;
  if (window.sum === 0 && second > head) return;
  if (second < head || second - head >= windowSeconds) {
    slots.fill(0);
    window.sum = 0;
    return;
  }
  for (let leaving = head + 1 - windowSeconds; leaving <= second - windowSeconds; leaving += 1) {
    window.sum -= slots[leaving & slotMask] ?? 0;
    slots[leaving & slotMask] = 0;
  }
}

/** Changes what was counted in a second, where it still counts; never below nothing. */
export function change(window: SlidingWindow, second: number, by: number): void {
  if (second > window.head || window.head - second >= windowSeconds) return;
  const before = window.slots[second & slotMask] ?? 0;
  const after = Math.max(0, before + by);
  window.slots[second & slotMask] = after;
  window.sum += after - before;
}

/** The first second in which at most `most` is left of what is counted now. */
export function secondOfAtMost(window: SlidingWindow, most: number): number {
  let counted = 0;
  // From the newest: of a window that is to be empty that one says it all.
  for (let second = window.head; second > window.head - windowSeconds; second -= 1) {
    counted += window.slots[second & slotMask] ?? 0;
    if (counted > most) return second + windowSeconds;
  }
  return window.head;
}
