import type { LimitFigures, LimitScope } from "../domain/limits.ts";

/** One counter that a call must pass: whom it counts, under a key that no other counter has, and what is allowed. */
export type Demand = { readonly scope: LimitScope; readonly key: string; readonly figures: LimitFigures };

/** What a call takes beside its one request. */
export type Cost = {
  /** LLM tokens, a whole number. */
  readonly tokens: number;
  /** Whether it may be the first of a window that it alone overfills. */
  readonly optimistic: boolean;
};

/** How one figure stands. */
export type Standing = {
  readonly scope: LimitScope;
  readonly metric: "requests" | "tokens" | "concurrent";
  readonly window: "minute" | "day" | "now";
  readonly limit: number;
  readonly remaining: number;
  /** Until a refused call would pass, as far as is known; until nothing of now counts any more, where it passed. */
  readonly resetMs: number;
};

/** What was reserved. Nothing here throws; what is said twice, or after it was given back, does nothing. */
export type Hold = {
  /** It is no longer under way. */
  readonly ended: () => void;
  /** Nothing was taken, and it is no longer under way. */
  readonly giveBack: () => void;
  /** So many LLM tokens take the place of those that were reserved; `undefined` where nobody will know them, and what was reserved stands. */
  readonly settle: (tokens: number | undefined) => void;
};

/** What becomes of a call: `uncounted` and `unavailable` where nobody can count it. */
export type Verdict =
  | { readonly kind: "passed"; readonly tightest: Standing | undefined; readonly hold: Hold }
  | { readonly kind: "refused"; readonly by: Standing }
  | { readonly kind: "uncounted" | "unavailable" };

/** Keeps counters. */
export type Limiter = {
  /** Takes one request and `cost` from every counter, or nothing from any. */
  readonly reserve: (id: string, demands: readonly Demand[], cost: Cost) => Verdict | Promise<Verdict>;
  readonly close: () => Promise<void>;
};

/** Seconds of the clock that a sliding minute holds: the one that is running and 60 before it, so that never less than a minute is looked back upon. */
export const windowSeconds = 61;

/** Milliseconds of a day. */
export const dayMs = 86_400_000;

/** Whether there is no room for `amount` more; an optimistic one needs none where nothing was counted. */
export function isOver(limit: number, used: number, amount: number, optimistic: boolean): boolean {
  return used + amount > limit && !(optimistic && used === 0);
}

/** Whether one figure has a smaller share left than another. */
export function isTighter(remaining: number, limit: number, otherRemaining: number, otherLimit: number): boolean {
  return remaining * otherLimit < otherRemaining * limit;
}
