/** When a budget begins anew, in UTC; `total` never does. */
export type BudgetPeriod = "day" | "month" | "total";

/** What may be spent in a period. */
export type Budget = {
  /** USD as decimal text. */
  readonly amountUsd: string;
  readonly period: BudgetPeriod;
  /** Whether it stops calls; else it only warns. */
  readonly hard: boolean;
  /** Percent of the amount, ascending, at which it is told once in a period. */
  readonly warnAt: readonly number[];
};
