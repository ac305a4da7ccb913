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

/** Whose a budget is. */
export type BudgetScope = "project" | "token" | "user";

/** Whether a text names a period. */
export function isBudgetPeriod(text: string): text is BudgetPeriod {
  return text === "day" || text === "month" || text === "total";
}

/** At what a budget is told that doesn't say. */
export const usualWarnAt: readonly number[] = [50, 80, 100];

/** The period that a time is in, in milliseconds since the epoch; one of a total begins at 0 and has no end. */
export function findPeriod(period: BudgetPeriod, at: number): { readonly starts: number; readonly renews?: number } {
  if (period === "total") return { starts: 0 };
  const date = new Date(at);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  if (period === "month") return { starts: Date.UTC(year, month), renews: Date.UTC(year, month + 1) };
  const day = date.getUTCDate();
  return { starts: Date.UTC(year, month, day), renews: Date.UTC(year, month, day + 1) };
}
