import type { LimitFigures } from "../domain/limits.ts";
import { type Counter, createCounterShelf } from "./counter-shelf.ts";
import {
  type Cost,
  dayMs,
  type Demand,
  type Hold,
  isOver,
  isTighter,
  type Limiter,
  type Standing,
  windowSeconds,
} from "./limiter.ts";
import { type Meter, meters, type Moment } from "./meters.ts";
import { advance, createWindow } from "./sliding-window.ts";

/** What the limiter is made of. */
export type MemoryLimiterParts = {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Beyond so many counters those go that were not used of late. */
  readonly maxCounters?: number;
};

/** One figure of one counter that a call concerns. */
type Bound = { readonly demand: Demand; readonly counter: Counter; readonly meter: Meter; readonly limit: number };

/** Creates a limiter that counts in this process alone. */
export function createMemoryLimiter({ now, maxCounters = 50_000 }: MemoryLimiterParts): Limiter {
  const shelf = createCounterShelf(maxCounters);
  let latest = 0;

  return {
    reserve(_, demands, cost) {
      const moment = readMoment();
      const bounds = listBounds(demands, moment);
      const by = findRefusal(bounds, cost, moment);
      if (by !== undefined) return { kind: "refused", by };
      for (const { counter, meter } of bounds) meter.change(counter, amountOf(meter, cost.tokens), moment);
      return { kind: "passed", tightest: findTightest(bounds, moment), hold: createHold(bounds, cost.tokens, moment) };
    },
    close: () => Promise.resolve(),
  };

  /** A clock that goes back a little stands still instead. */
  function readMoment(): Moment {
    const at = now();
    const read = Math.floor(at / 1000);
    if (read > latest || latest - read >= windowSeconds) latest = read;
    return { now: at, second: latest, day: Math.floor((latest * 1000) / dayMs) };
  }

  function listBounds(demands: readonly Demand[], moment: Moment): readonly Bound[] {
    const bounds: Bound[] = [];
    for (const demand of demands) {
      const counter = shelf.find(demand.key, moment.second, moment.day);
      roll(counter, demand.figures, moment);
      for (const meter of meters) {
        const limit = meter.limitOf(demand.figures) ?? 0;
        if (limit > 0) bounds.push({ demand, counter, meter, limit });
      }
    }
    return bounds;
  }
}

/** Brings a counter to this moment, with the windows that it needs. */
function roll(
  counter: Counter,
  { requestsPerMinute = 0, tokensPerMinute = 0 }: LimitFigures,
  { second, day }: Moment,
): void {
  if (requestsPerMinute > 0) advance((counter.minuteRequests ??= createWindow(second)), second);
  if (tokensPerMinute > 0) advance((counter.minuteTokens ??= createWindow(second)), second);
  if (counter.day === day) return;
  counter.day = day;
  counter.dayRequests = 0;
  counter.dayTokens = 0;
}

/** What refuses a call: where several figures do, the one that will for the longest. */
function findRefusal(bounds: readonly Bound[], cost: Cost, moment: Moment): Standing | undefined {
  let worst: Standing | undefined;
  for (const { demand, counter, meter, limit } of bounds) {
    const amount = amountOf(meter, cost.tokens);
    const used = meter.usedOf(counter);
    if (!isOver(limit, used, amount, meter.metric === "tokens" && cost.optimistic)) continue;
    const resetMs = meter.waitFor(counter, Math.max(0, limit - amount), moment);
    if (worst === undefined || resetMs > worst.resetMs)
      worst = createStanding(demand, meter, limit, Math.max(0, limit - used), resetMs);
  }
  return worst;
}

function findTightest(bounds: readonly Bound[], moment: Moment): Standing | undefined {
  let tightest: Bound | undefined;
  let least = 0;
  for (const bound of bounds) {
    const remaining = Math.max(0, bound.limit - bound.meter.usedOf(bound.counter));
    if (tightest !== undefined && !isTighter(remaining, bound.limit, least, tightest.limit)) continue;
    tightest = bound;
    least = remaining;
  }
  if (tightest === undefined) return undefined;
  const { demand, counter, meter, limit } = tightest;
  return createStanding(demand, meter, limit, least, meter.waitFor(counter, 0, moment));
}

function createStanding(
  { scope }: Demand,
  { metric, window }: Meter,
  limit: number,
  remaining: number,
  resetMs: number,
): Standing {
  return { scope, metric, window, limit, remaining, resetMs };
}

function amountOf({ metric }: Meter, tokens: number): number {
  return metric === "tokens" ? tokens : 1;
}

function createHold(bounds: readonly Bound[], tokens: number, moment: Moment): Hold {
  let underWay = true;
  let open = true;

  return {
    ended,
    giveBack() {
      ended();
      if (!open) return;
      open = false;
      for (const { counter, meter } of bounds)
        if (meter.metric !== "concurrent") meter.change(counter, -amountOf(meter, tokens), moment);
    },
    settle(real) {
      if (!open) return;
      open = false;
      for (const { counter, meter } of bounds)
        if (meter.metric === "tokens") meter.change(counter, real - tokens, moment);
    },
  };

  function ended(): void {
    if (!underWay) return;
    underWay = false;
    for (const { counter, meter } of bounds) if (meter.metric === "concurrent") meter.change(counter, -1, moment);
  }
}
