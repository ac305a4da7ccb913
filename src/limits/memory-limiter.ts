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
import { type Bound, listBounds, type Meter, type Moment } from "./meters.ts";
import { advance, createWindow } from "./sliding-window.ts";

/** What the limiter is made of. */
export type MemoryLimiterParts = {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Beyond so many counters those go that were not used of late. */
  readonly maxCounters?: number;
};

/** A counter that a call concerns, and what bounds it. */
type Part = { readonly demand: Demand; readonly counter: Counter; readonly bounds: readonly Bound[] };

/** Creates a limiter that counts in this process alone. */
export function createMemoryLimiter({ now, maxCounters = 50_000 }: MemoryLimiterParts): Limiter {
  const shelf = createCounterShelf(maxCounters);
  let latest: Moment = { now: 0, second: 0, day: 0 };

  return {
    reserve(_, demands, cost) {
      const moment = (latest = readMoment());
      const parts: Part[] = [];
      for (const demand of demands) parts.push(findPart(demand, moment));
      const by = findRefusal(parts, cost, moment);
      if (by !== undefined) return { kind: "refused", by };
      const tightest = countAll(parts, cost, moment);
      return { kind: "passed", tightest, hold: new MemoryHold(parts, cost.tokens, moment) };
    },
    close: () => Promise.resolve(),
  };

  /** A clock that goes back a little stands still instead. */
  function readMoment(): Moment {
    const at = now();
    if (at === latest.now) return latest;
    const read = Math.floor(at / 1000);
    const second = read > latest.second || latest.second - read >= windowSeconds ? read : latest.second;
    return { now: at, second, day: Math.floor((second * 1000) / dayMs) };
  }

  function findPart(demand: Demand, moment: Moment): Part {
    const counter = shelf.find(demand.key, moment.second, moment.day);
    roll(counter, demand.figures, moment);
    return { demand, counter, bounds: listBounds(demand.figures) };
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
function findRefusal(parts: readonly Part[], cost: Cost, moment: Moment): Standing | undefined {
  let worst: Standing | undefined;
  for (const { demand, counter, bounds } of parts) {
    for (const { meter, limit } of bounds) {
      const amount = amountOf(meter, cost.tokens);
      const used = meter.usedOf(counter);
      if (!isOver(limit, used, amount, meter.metric === "tokens" && cost.optimistic)) continue;
      const resetMs = meter.waitFor(counter, Math.max(0, limit - amount), moment);
      if (worst === undefined || resetMs > worst.resetMs)
        worst = createStanding(demand, meter, limit, Math.max(0, limit - used), resetMs);
    }
  }
  return worst;
}

/** Counts a call, and tells which figure has the smallest share left. */
function countAll(parts: readonly Part[], { tokens }: Cost, moment: Moment): Standing | undefined {
  let part: Part | undefined;
  let tightest: Bound | undefined;
  let least = 0;
  for (const each of parts) {
    for (const bound of each.bounds) {
      bound.meter.change(each.counter, amountOf(bound.meter, tokens), moment);
      const remaining = Math.max(0, bound.limit - bound.meter.usedOf(each.counter));
      if (tightest !== undefined && !isTighter(remaining, bound.limit, least, tightest.limit)) continue;
      part = each;
      tightest = bound;
      least = remaining;
    }
  }
  if (part === undefined || tightest === undefined) return undefined;
  const { meter, limit } = tightest;
  return createStanding(part.demand, meter, limit, least, meter.waitFor(part.counter, 0, moment));
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

/** One object, and no closures: it lives until an answer was read, and so past many a collection of what is young. */
class MemoryHold implements Hold {
  readonly #parts: readonly Part[];
  readonly #tokens: number;
  readonly #moment: Moment;
  #underWay = true;
  #open = true;

  constructor(parts: readonly Part[], tokens: number, moment: Moment) {
    this.#parts = parts;
    this.#tokens = tokens;
    this.#moment = moment;
  }

  ended(): void {
    if (!this.#underWay) return;
    this.#underWay = false;
    for (const { counter, bounds } of this.#parts)
      for (const { meter } of bounds) if (meter.metric === "concurrent") meter.change(counter, -1, this.#moment);
  }

  giveBack(): void {
    this.ended();
    if (!this.#open) return;
    this.#open = false;
    for (const { counter, bounds } of this.#parts)
      for (const { meter } of bounds)
        if (meter.metric !== "concurrent") meter.change(counter, -amountOf(meter, this.#tokens), this.#moment);
  }

  settle(real = this.#tokens): void {
    if (!this.#open) return;
    this.#open = false;
    for (const { counter, bounds } of this.#parts)
      for (const { meter } of bounds)
        if (meter.metric === "tokens") meter.change(counter, real - this.#tokens, this.#moment);
  }
}
