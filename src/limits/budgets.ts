import type { Budget, BudgetScope } from "../domain/budget.ts";
import { Refusal } from "../domain/refusal.ts";
import type { SpendStore } from "../domain/spend.ts";
import type { BudgetEvent } from "./budget-event.ts";
import { refuseSpending } from "./refuse-spending.ts";
import { type Account, freeOf, isSpent, noteRefusal, reserve, settle } from "./spend-account.ts";
import { createSpendLedger } from "./spend-ledger.ts";
import { createSpendPatience } from "./spend-patience.ts";

/** Whose money a call spends. */
export type BudgetSubject = {
  readonly project?: Spender | undefined;
  readonly token?: Spender | undefined;
  readonly user?: string | undefined;
  /** What a call will probably cost; `undefined` is a call that nobody can price: it reserves nothing. Nano-dollars. */
  readonly estimateNanoUsd: () => number | undefined;
};

type Spender = { readonly id: string; readonly budgets?: readonly Budget[] };

/** What one call has reserved. Each of these is called once at most, and none throws. */
export type BudgetTicket = {
  /** Nothing was spent. */
  readonly giveBack: () => void;
  /** The real cost takes the place of the estimate; without one the estimate stands. Nano-dollars. */
  readonly settle: (nanoUsd: number | undefined) => void;
};

/** Keeps what is spent within budgets. */
export type Budgets = {
  /**
   * Reserves a call's estimated cost in every budget it spends from, or none at all: throws a `Refusal` then. `undefined`
   * where no budget is concerned.
   */
  readonly take: (subject: BudgetSubject) => BudgetTicket | undefined | Promise<BudgetTicket | undefined>;
  /** Writes down what was spent, and gives back what was reserved and not used. */
  readonly close: () => Promise<void>;
};

/** What budgets are kept with. */
export type BudgetsParts = {
  readonly store: SpendStore;
  readonly clock: { readonly now: () => number; readonly elapsed: () => number };
  /** What a user's calls may spend in all; none where nothing is said of users. */
  readonly userBudgets: (user: string) => readonly Budget[];
  /** What becomes of a call when the database doesn't answer and no part of the budget is in hand. */
  readonly onFailure: "closed" | "open";
  /** What an operator wants to know, told once by one of all processes. It must not throw. */
  readonly onEvent: (event: BudgetEvent) => void;
  /** Whether events are also kept in the database as notices, in the moment in which they happen. */
  readonly keepNotices: boolean;
  /** Whether the database refuses what it was given, and isn't away. */
  readonly isRefused: (error: unknown) => boolean;
  readonly onTrouble: (error: unknown, phrase: string) => void;
};

/** Creates what keeps spending within budgets, in this process and all others on its database. */
export function createBudgets({ userBudgets, onFailure, ...parts }: BudgetsParts): Budgets {
  const { clock } = parts;
  const ledger = createSpendLedger(parts);

  return {
    take(subject) {
      const accounts = listAccounts(subject);
      if (accounts.length === 0) return undefined;
      const estimate = subject.estimateNanoUsd();
      const reserved = estimate ?? 0;
      // Nobody knows what it costs, but with nothing left it costs too much.
      const need = estimate === undefined ? 1 : reserved;
      const now = clock.elapsed();
      let free = true;
      for (const account of accounts) {
        account.usedAt = now;
        free &&= hasRoom(account, need, now);
      }
      if (!free) return takeLater(accounts, { need, reserved });
      const holds: Hold[] = [];
      for (const account of accounts) holds.push(enter(account, reserved));
      return new Spending(holds, reserved, clock.elapsed);
    },
    close: ledger.close,
  };

  function listAccounts({ project, token, user }: BudgetSubject): readonly Account[] {
    const accounts: Account[] = [];
    if (project) open(accounts, "project", project.id, project.budgets);
    if (token) open(accounts, "token", token.id, token.budgets);
    if (user !== undefined) open(accounts, "user", user, userBudgets(user));
    return accounts;
  }

  function open(accounts: Account[], scope: BudgetScope, id: string, budgets: readonly Budget[] = []): void {
    for (const budget of budgets) accounts.push(ledger.open(scope, id, budget));
  }

  /** Where only what others have reserved stands in the way, they are given a moment to settle it. */
  async function takeLater(accounts: readonly Account[], size: Size): Promise<BudgetTicket> {
    const patience = createSpendPatience();
    try {
      for (;;) {
        const taken = await takeAll(accounts, size);
        if (taken.kind === "taken") return new Spending(taken.holds, size.reserved, clock.elapsed);
        const { account } = taken;
        if (!isSpent(account, size.need) && (await patience.wait(account))) continue;
        noteRefusal(account, size.need);
        throw refuseSpending(account, size.need, clock.now());
      }
    } finally {
      patience.end();
    }
  }

  /** All or none: what was reserved before another budget refused is given back. */
  async function takeAll(accounts: readonly Account[], { need, reserved }: Size): Promise<TakenHolds> {
    const holds: Hold[] = [];
    for (const account of accounts) {
      const answer = hasRoom(account, need, clock.elapsed()) ? "free" : await ledger.ask(account, need);
      const isClosed = answer === "unknown" && onFailure === "closed";
      if (answer === "refused" || isClosed) {
        release(holds, 0, clock.elapsed());
        if (isClosed) throw new Refusal("dependency_unavailable");
        return { kind: "refused", account };
      }
      const hold = answer === "granted" ? { account, reserved: need } : enter(account, need);
      // A call that nobody can price has only looked whether anything is left.
      if (hold.reserved > reserved) account.reserved -= hold.reserved - reserved;
      holds.push({ account, reserved: Math.min(hold.reserved, reserved) });
    }
    return { kind: "taken", holds };
  }
}

/** One object, and no closures: it lives until an answer was read, and so past many a collection of what is young. */
class Spending implements BudgetTicket {
  readonly #holds: readonly Hold[];
  readonly #estimate: number;
  readonly #elapsed: () => number;

  constructor(holds: readonly Hold[], estimate: number, elapsed: () => number) {
    this.#holds = holds;
    this.#estimate = estimate;
    this.#elapsed = elapsed;
  }

  giveBack(): void {
    this.#end(0);
  }

  settle(nanoUsd = this.#estimate): void {
    this.#end(nanoUsd);
  }

  #end(spent: number): void {
    release(this.#holds, spent, this.#elapsed());
    for (const { account } of this.#holds) if (account.sleepers.size > 0) for (const wake of account.sleepers) wake();
  }
}

function release(holds: readonly Hold[], spent: number, now: number): void {
  for (const { account, reserved } of holds) {
    settle(account, reserved, spent);
    account.usedAt = now;
  }
}

/** What of an account is one call's. */
type Hold = { readonly account: Account; readonly reserved: number };

/** How much must be free for a call, and what of that is reserved for it. Nano-dollars. */
type Size = { readonly need: number; readonly reserved: number };

type TakenHolds =
  | { readonly kind: "taken"; readonly holds: readonly Hold[] }
  | { readonly kind: "refused"; readonly account: Account };

function hasRoom(account: Account, need: number, now: number): boolean {
  return need === 0 || !account.figures.budget.hard || freeOf(account, now) >= need;
}

/** A budget that only warns has nothing reserved. */
function enter(account: Account, need: number): Hold {
  const reserved = account.figures.budget.hard ? need : 0;
  reserve(account, reserved);
  return { account, reserved };
}
