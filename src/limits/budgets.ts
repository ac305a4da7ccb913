import type { Budget } from "../domain/budget.ts";

/** Whose money a call spends. */
export type BudgetSubject = {
  readonly project?: { readonly id: string; readonly budgets: readonly Budget[] };
  readonly token?: { readonly id: string; readonly budgets: readonly Budget[] };
  readonly user?: string;
};

/** What one call has reserved. Each of these is called once at most, and none throws. */
export type BudgetTicket = {
  /** Nothing was spent. */
  readonly giveBack: () => void;
  /** The real cost takes the place of the estimate; without one the estimate stands. Nano-dollars. */
  readonly settle: (nanoUsd: bigint | undefined) => void;
};

/** Keeps what is spent within budgets. */
export type Budgets = {
  /**
   * Reserves a call's estimated cost in every budget it spends from, or none at all: throws a `Refusal` then. `undefined`
   * where no budget is concerned. An estimate of `undefined` is a call that nobody can price: it reserves nothing.
   */
  readonly take: (
    id: string,
    subject: BudgetSubject,
    estimateNanoUsd: () => bigint | undefined,
  ) => BudgetTicket | undefined | Promise<BudgetTicket | undefined>;
  /** Writes down what was spent, and gives back what was reserved and not used. */
  readonly close: () => Promise<void>;
};
