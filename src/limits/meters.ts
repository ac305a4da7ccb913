import type { LimitFigures } from "../domain/limits.ts";
import type { Counter } from "./counter-shelf.ts";
import { dayMs, type Standing } from "./limiter.ts";
import { change, secondOfAtMost } from "./sliding-window.ts";

/** When something is counted; everything of one call sees the same. */
export type Moment = {
  /** Milliseconds since the epoch, and the second and the UTC day that are counted in. */
  readonly now: number;
  readonly second: number;
  readonly day: number;
};

/** One of the figures, and what is counted against it. */
export type Meter = Pick<Standing, "metric" | "window"> & {
  readonly limitOf: (figures: LimitFigures) => number | undefined;
  readonly usedOf: (counter: Counter) => number;
  /** Changes what was counted at `moment`, where that still counts; never below nothing. */
  readonly change: (counter: Counter, by: number, moment: Moment) => void;
  /** Milliseconds until at most `most` is left. */
  readonly waitFor: (counter: Counter, most: number, moment: Moment) => number;
};

const untilTomorrow: Meter["waitFor"] = (_, __, { now, day }) => (day + 1) * dayMs - now;

/** Every figure. */
export const meters: readonly Meter[] = [
  {
    metric: "requests",
    window: "minute",
    limitOf: (figures) => figures.requestsPerMinute,
    usedOf: ({ minuteRequests }) => minuteRequests?.sum ?? 0,
    change({ minuteRequests }, by, { second }) {
      if (minuteRequests) change(minuteRequests, second, by);
    },
    waitFor: ({ minuteRequests }, most, { now }) =>
      minuteRequests ? secondOfAtMost(minuteRequests, most) * 1000 - now : 0,
  },
  {
    metric: "tokens",
    window: "minute",
    limitOf: (figures) => figures.tokensPerMinute,
    usedOf: ({ minuteTokens }) => minuteTokens?.sum ?? 0,
    change({ minuteTokens }, by, { second }) {
      if (minuteTokens) change(minuteTokens, second, by);
    },
    waitFor: ({ minuteTokens }, most, { now }) => (minuteTokens ? secondOfAtMost(minuteTokens, most) * 1000 - now : 0),
  },
  {
    metric: "requests",
    window: "day",
    limitOf: (figures) => figures.requestsPerDay,
    usedOf: (counter) => counter.dayRequests,
    change(counter, by, { day }) {
      if (counter.day === day) counter.dayRequests = Math.max(0, counter.dayRequests + by);
    },
    waitFor: untilTomorrow,
  },
  {
    metric: "tokens",
    window: "day",
    limitOf: (figures) => figures.tokensPerDay,
    usedOf: (counter) => counter.dayTokens,
    change(counter, by, { day }) {
      if (counter.day === day) counter.dayTokens = Math.max(0, counter.dayTokens + by);
    },
    waitFor: untilTomorrow,
  },
  {
    metric: "concurrent",
    window: "now",
    limitOf: (figures) => figures.concurrent,
    usedOf: (counter) => counter.concurrent,
    change(counter, by) {
      counter.concurrent = Math.max(0, counter.concurrent + by);
    },
    waitFor: () => 0,
  },
];

/** A figure that bounds something. */
export type Bound = { readonly meter: Meter; readonly limit: number };

const boundsOf = new WeakMap<LimitFigures, readonly Bound[]>();

/** Lists what figures bound; they are asked for with every call, and hardly ever change. */
export function listBounds(figures: LimitFigures): readonly Bound[] {
  const known = boundsOf.get(figures);
  if (known !== undefined) return known;
  const bounds = meters.flatMap((meter) => {
    const limit = meter.limitOf(figures) ?? 0;
    return limit > 0 ? [{ meter, limit }] : [];
  });
  boundsOf.set(figures, bounds);
  return bounds;
}
