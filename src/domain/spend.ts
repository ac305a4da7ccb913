import type { BudgetNotice } from "./budget-notice.ts";
import type { BudgetPeriod, BudgetScope } from "./budget.ts";

/** One period of a budget, whose spending is one sum over all processes. */
export type SpendKey = {
  readonly scope: BudgetScope;
  readonly id: string;
  readonly period: BudgetPeriod;
  /** Milliseconds since the epoch. */
  readonly starts: number;
};

/** What a process says of its part in such a sum; money is nano-dollars, in whole numbers that are exact. */
export type SpendNews = SpendKey & {
  /** The process's own number for this part, which is never used again. */
  readonly turn: number;
  /** All that was spent in this part so far, so that it counts once, however often it is said. */
  readonly settled: number;
  /** What calls under way have reserved. */
  readonly reserved: number;
  /** What it would keep beside that, for calls to come. */
  readonly keep: number;
  /** What it keeps of that in any case, though it is more than a share: calls take it while this is written down. */
  readonly peak: number;
  /** What calls that wait for it need, each. */
  readonly needs: readonly number[];
  /** What may be spent in all. */
  readonly amount: number;
  /** Where it is to be told, ascending. */
  readonly thresholds: readonly number[];
  /** Calls were refused, because what is left is too little. */
  readonly exhausted: boolean;
};

/** How the sum stands, and what this process has of it. */
export type SpendState = {
  /** What nobody else may spend: what is reserved, and what may be reserved without asking. */
  readonly lease: number;
  /** What could be reserved at most, beside what is already; below 0 where more is spent than may be. */
  readonly left: number;
  readonly spent: number;
  /** Those thresholds that were just passed, and by nobody before. */
  readonly passed: readonly number[];
  /** Nobody has said before that calls are refused. */
  readonly exhausted: boolean;
};

/** The part of what is left that a process has for calls to come. */
const share = 0.03;

/** How much that is, of so much that is left. */
export function sliceOf(left: number): number {
  return Math.floor(left * share);
}

/** What a process that asks for nothing has left for calls to come: the rest of what it would keep is given back. */
export function keptOf({ keep, peak }: Pick<SpendNews, "keep" | "peak">, left: number): number {
  return Math.min(keep, Math.max(sliceOf(left), peak));
}

/** Where sums and leases are kept, for all processes. */
export type SpendStore = {
  /** Writes down the parts of one process, all or none, with what is to be told of them; gives their states in the same order. */
  readonly sync: (
    holder: string,
    news: readonly SpendNews[],
    describe?: (part: SpendNews, state: SpendState) => readonly BudgetNotice[],
  ) => Promise<readonly SpendState[]>;
  /** Says that a process lives; gives its parts that had not lapsed. */
  readonly touch: (holder: string) => Promise<readonly number[]>;
  /** Forgets parts of which everything was written down, and what lies long back. */
  readonly end: (holder: string, turns: readonly number[]) => Promise<void>;
};
