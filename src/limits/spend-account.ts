import { type Budget, findPeriod } from "../domain/budget.ts";
import type { SpendKey } from "../domain/spend.ts";
import { readUsd } from "../lib/nano-usd.ts";

/** A budget in numbers. Nano-dollars. */
export type BudgetFigures = {
  readonly budget: Budget;
  readonly amount: number;
  /** In the order of what it warns at. */
  readonly thresholds: readonly number[];
};

/** What came of asking for a part of a budget: `unknown` where its database doesn't answer. */
export type Answer = "granted" | "refused" | "unknown";

/** A call that waits for it. */
export type Waiter = { readonly need: number; readonly resolve: (answer: Answer) => void; tries: number };

/** One period of a budget, as far as this process spends it. Nano-dollars; times are monotonic milliseconds. */
export type Account = {
  readonly key: SpendKey;
  readonly turn: number;
  /** Milliseconds since the epoch; absent where it never ends. */
  readonly renews?: number;
  figures: BudgetFigures;
  /** What is this process's alone: what is reserved, what is spent and not written down, and what is free. */
  lease: number;
  reserved: number;
  /** Calls under way, those that have reserved nothing too. */
  calls: number;
  /** All that was spent, and how much of it is written down. */
  settled: number;
  written: number;
  /** What all processes had spent of it and written down, when it was last heard of. */
  spent: number;
  /** What could be reserved of it here at most then, beside what was already. */
  left: number;
  /** The most that was reserved since it was last written down. */
  peak: number;
  usedAt: number;
  /** When the lease was renewed. */
  seenAt: number;
  /** Of what was refused the least, and until when it needn't be asked for again. */
  refused: number;
  refusedUntil: number;
  /** Calls were refused because of what is spent, which the database doesn't know yet; and the amount of which it does. */
  exhausted: boolean;
  exhaustedOf: number;
  /** How often the database refused it since it took it, and until when it is left alone for that. */
  faults: number;
  restsUntil: number;
  /** It is being written down. */
  busy: boolean;
  /** Nothing is spent from it any more. */
  forgotten: boolean;
  readonly waiting: Waiter[];
  /** Called when something of it is given back or settled. */
  readonly sleepers: Set<() => void>;
};

/** A lease is not used any more when it wasn't renewed for so long: others may take it soon. Milliseconds. */
const leaseHoldsMs = 12_000;

/** Creates the account of a budget's period at a time; milliseconds since the epoch. */
export function createAccount(
  { scope, id }: Pick<SpendKey, "scope" | "id">,
  figures: BudgetFigures,
  turn: number,
  at: number,
): Account {
  const { period } = figures.budget;
  const { starts, renews } = findPeriod(period, at);
  return {
    key: { scope, id, period, starts },
    turn,
    ...(renews === undefined ? {} : { renews }),
    figures,
    lease: 0,
    reserved: 0,
    calls: 0,
    settled: 0,
    written: 0,
    spent: 0,
    left: 0,
    peak: 0,
    usedAt: 0,
    seenAt: Number.NEGATIVE_INFINITY,
    refused: 0,
    refusedUntil: 0,
    exhausted: false,
    exhaustedOf: 0,
    faults: 0,
    restsUntil: 0,
    busy: false,
    forgotten: false,
    waiting: [],
    sleepers: new Set(),
  };
}

/** What can be reserved without asking. */
export function freeOf(account: Account, now: number): number {
  if (isLapsed(account, now)) return 0;
  return account.lease - account.reserved - (account.settled - account.written);
}

/** Whether so much is more than what nobody has spent, whatever is reserved. */
export function isSpent({ figures, spent, settled, written }: Account, need: number): boolean {
  return need > figures.amount - spent - (settled - written);
}

/** Notes that a call was refused because of what is spent; what the whole budget could not pay says nothing of that. */
export function noteRefusal(account: Account, need: number): void {
  const { amount } = account.figures;
  if (isSpent(account, need) && need <= amount && account.exhaustedOf !== amount) account.exhausted = true;
}

/** Whether what was leased may be others' by now. */
export function isLapsed({ seenAt }: Account, now: number): boolean {
  return now - seenAt > leaseHoldsMs;
}

/** Reserves for a call that begins what it needs. */
export function reserve(account: Account, need: number): void {
  account.calls += 1;
  account.reserved += need;
  if (account.reserved > account.peak) account.peak = account.reserved;
}

/** Ends a call: what was really spent takes the place of what it had reserved. */
export function settle(account: Account, reserved: number, spent: number): void {
  account.calls -= 1;
  account.reserved -= reserved;
  account.settled += spent;
  account.refusedUntil = 0;
}

/** A budget in numbers. */
export function readFigures(budget: Budget): BudgetFigures {
  const amount = readUsd(budget.amountUsd) ?? 0;
  const thresholds = budget.warnAt.map((percent) => Math.max(1, Number((BigInt(amount) * BigInt(percent)) / 100n)));
  return { budget, amount, thresholds };
}
