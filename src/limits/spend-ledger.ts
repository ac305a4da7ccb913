import type { Budget, BudgetScope } from "../domain/budget.ts";
import { keptOf, type SpendKey, type SpendNews, type SpendState, type SpendStore } from "../domain/spend.ts";
import { type BudgetEvent, createBudgetNotice } from "./budget-event.ts";
import {
  type Account,
  type Answer,
  type BudgetFigures,
  createAccount,
  freeOf,
  isLapsed,
  readFigures,
  reserve,
  type Waiter,
} from "./spend-account.ts";

/** What this process has of all budgets: it is leased from the database in slices, and what is spent is written down in batches. */
export type SpendLedger = {
  /** The account that a budget is spent from now. */
  readonly open: (scope: BudgetScope, id: string, budget: Budget) => Account;
  /** Asks the database for a part that isn't free here; it is reserved when that is granted. Never rejects. */
  readonly ask: (account: Account, need: number) => Answer | Promise<Answer>;
  /** Writes everything down, and gives back what isn't spent. */
  readonly close: () => Promise<void>;
};

/** What it is made of. */
export type SpendLedgerParts = {
  readonly store: SpendStore;
  readonly clock: { readonly now: () => number; readonly elapsed: () => number };
  readonly onEvent: (event: BudgetEvent) => void;
  /** Whether events are kept as notices, with what they tell of. */
  readonly keepNotices: boolean;
  /** Whether the database refuses what it was given, and isn't away. */
  readonly isRefused: (error: unknown) => boolean;
  readonly onTrouble: (error: unknown, phrase: string) => void;
};

/** What a budget is spent from, and its numbers. */
type Opened = { readonly account: Account; readonly figures: BudgetFigures };

/** What came of writing accounts down: their states, or why there are none. */
type Written = readonly SpendState[] | "refused" | "away";

/** How often what was spent is written down, and leases are renewed; what isn't used for so long is given back. Milliseconds. */
const writeEveryMs = 400;
const renewEveryMs = 4_000;
const idleAfterMs = 1_200;
/** How long the database is waited for, and left alone where it failed. Milliseconds. */
const patienceMs = 2_000;
const restMs = 500;
/** What was refused isn't asked for again for so long. Milliseconds. */
const refusedForMs = 100;
/** How often a call that others were faster than is tried again. */
const mostTries = 5;
/** An account that the database refuses is tried again after `restMs`, after twice that and so on, and given up after so many times. */
const mostFaults = 6;
/** Accounts that are written down in one transaction. */
const batchSize = 50;

/** Creates an empty one. */
export function createSpendLedger(parts: SpendLedgerParts): SpendLedger {
  const { store, clock, onEvent, keepNotices, isRefused, onTrouble } = parts;
  const holder = Bun.randomUUIDv7();
  const current = new Map<string, Account>();
  /** Those of former periods too, until all of their calls have ended. */
  const accounts = new Set<Account>();
  /** Most budgets are one token's or one project's, whose calls come one after the other: they open what they opened last. */
  const opened = new WeakMap<Budget, Opened>();
  const writing = new Set<Promise<unknown>>();
  const ended: number[] = [];
  let turns = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let renewedAt = clock.elapsed();
  /** The database is left alone until then, and as long as it hasn't answered somebody who gave up. */
  let restsUntil = 0;
  let hanging = 0;
  let closed = false;

  return {
    open(scope, id, budget) {
      const now = clock.now();
      const last = opened.get(budget);
      const isLast = last?.account.key.id === id && last.account.key.scope === scope && isRunning(last.account, now);
      const { account, figures } = isLast ? last : find({ scope, id }, budget, now);
      if (account.figures !== figures) change(account, figures);
      return account;
    },
    ask(account, need) {
      const now = clock.elapsed();
      if (need >= account.refused && now < account.refusedUntil) return "refused";
      if (closed || hanging > 0 || now < restsUntil || now < account.restsUntil) return "unknown";
      const { promise, resolve } = Promise.withResolvers<Answer>();
      account.waiting.push({ need, resolve, tries: 0 });
      if (!account.busy) track(serve(account));
      return promise;
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      while (writing.size > 0) await Promise.allSettled(writing);
      for (const account of accounts) account.reserved = 0;
      for (let tries = 0; tries < mostTries && (await giveAllBack()) > 0; tries += 1)
        await Bun.sleep(restMs / mostTries);
    },
  };

  function find(of: Pick<SpendKey, "scope" | "id">, budget: Budget, now: number): Opened {
    const figures = opened.get(budget)?.figures ?? readFigures(budget);
    const name = nameOf({ ...of, period: budget.period });
    const known = current.get(name);
    const found = { account: known && isRunning(known, now) ? known : begin(of, figures, now), figures };
    current.set(name, found.account);
    opened.set(budget, found);
    return found;
  }

  function begin(of: Pick<SpendKey, "scope" | "id">, figures: BudgetFigures, now: number): Account {
    const account = createAccount(of, figures, (turns += 1), now);
    accounts.add(account);
    arm();
    return account;
  }

  /** The same budget is read again with each token of a project, and mostly says what it said. */
  function change(account: Account, figures: BudgetFigures): void {
    const isSame = account.figures.amount === figures.amount;
    account.figures = figures;
    if (isSame) return;
    // What was leased of the former amount is asked for again.
    account.seenAt = Number.NEGATIVE_INFINITY;
    account.refusedUntil = 0;
  }

  /** Leases what is waited for, as long as there is any. */
  async function serve(account: Account): Promise<void> {
    account.busy = true;
    while (account.waiting.length > 0) {
      const waiters = account.waiting.splice(0);
      const needs = waiters.map(({ need }) => need);
      const written = write([account], needs);
      if (await isInTime(written)) answer(account, waiters, await written);
      else {
        for (const { resolve } of [...waiters, ...account.waiting.splice(0)]) resolve("unknown");
        hanging += 1;
        await written;
        hanging -= 1;
      }
    }
    account.busy = false;
  }

  function answer(account: Account, waiters: readonly Waiter[], written: Written): void {
    const now = clock.elapsed();
    const left = typeof written === "string" ? undefined : written[0]?.left;
    for (const waiter of waiters) {
      const { need, resolve } = waiter;
      waiter.tries += 1;
      if (left === undefined) resolve("unknown");
      else if (need <= freeOf(account, now)) {
        reserve(account, need);
        resolve("granted");
      } else if (need <= left && waiter.tries < mostTries) account.waiting.push(waiter);
      else {
        account.refused = now < account.refusedUntil ? Math.min(need, account.refused) : need;
        account.refusedUntil = now + refusedForMs;
        resolve("refused");
      }
    }
  }

  /** Writes accounts down, all or none, and takes over what the database says of them. */
  async function write(batch: readonly Account[], needs: readonly number[], giveAll = false): Promise<Written> {
    const at = clock.elapsed();
    const news = batch.map((account) => tell(account, { needs, at, giveAll }));
    const events: BudgetEvent[] = [];
    const describe = (part: SpendNews, state: SpendState) => {
      const told = listEvents(batch[news.indexOf(part)], part, state);
      events.push(...told);
      return keepNotices ? told.map(createBudgetNotice) : [];
    };
    const written: Written = await store
      .sync(holder, news, describe)
      .catch((error: unknown) => noteFailure(batch, error));
    if (typeof written === "string") return written;
    for (const [index, account] of batch.entries()) {
      const [sent, state] = [news[index], written[index]];
      if (sent && state) takeOver(account, { sent, state, at });
    }
    for (const event of events) onEvent(event);
    return written;
  }

  /** Only where the database is away everything rests; an account that it refuses rests alone. */
  function noteFailure(batch: readonly Account[], error: unknown): "refused" | "away" {
    if (!isRefused(error)) {
      restsUntil = clock.elapsed() + restMs;
      onTrouble(error, "what is spent of budgets can't be read or written down and is tried again");
      return "away";
    }
    const [account] = batch;
    if (account && batch.length === 1) noteFault(account, error);
    return "refused";
  }

  function noteFault(account: Account, error: unknown): void {
    account.faults += 1;
    account.restsUntil = clock.elapsed() + restMs * 2 ** (account.faults - 1);
    if (!closed && account.faults < mostFaults) {
      onTrouble(error, "the database refuses what is spent of a budget, which is tried again");
      return;
    }
    forget(account);
    const lost = `${account.settled - account.written} nano-dollars of the budget of a ${account.key.scope} are not counted`;
    onTrouble(new Error(lost, { cause: error }), "the database refuses what is spent of a budget, which is given up");
  }

  function tell(
    account: Account,
    { needs, at, giveAll }: { readonly needs: readonly number[]; readonly at: number; readonly giveAll: boolean },
  ): SpendNews {
    const { key, turn, settled, written, left, figures } = account;
    const reserved = Math.max(0, account.reserved);
    const isIdle = giveAll || (needs.length === 0 && at - account.usedAt >= idleAfterMs);
    const keep = isIdle ? 0 : Math.max(0, freeOf(account, at));
    const peak = keptOf({ keep, peak: account.peak }, left);
    // Nobody takes what may be given back: others can have it before this is known to be written.
    account.lease = reserved + settled - written + peak;
    account.peak = reserved;
    return {
      ...key,
      turn,
      settled,
      reserved,
      keep,
      peak,
      needs,
      amount: figures.amount,
      thresholds: figures.thresholds,
      exhausted: account.exhausted,
    };
  }

  function takeOver(
    account: Account,
    { sent, state, at }: { readonly sent: SpendNews; readonly state: SpendState; readonly at: number },
  ): void {
    account.faults = 0;
    account.written = sent.settled;
    account.spent = state.spent;
    account.left = state.left;
    account.lease = state.lease;
    if (sent.amount === account.figures.amount) account.seenAt = at;
    if (!sent.exhausted) return;
    account.exhaustedOf = sent.amount;
    account.exhausted = false;
  }

  function listEvents(account: Account | undefined, sent: SpendNews, state: SpendState): readonly BudgetEvent[] {
    if (!account) return [];
    const { budget } = account.figures;
    const about = {
      ...account.key,
      ...(account.renews === undefined ? {} : { renews: account.renews }),
      amountUsd: budget.amountUsd,
      spentNanoUsd: String(state.spent),
      at: clock.now(),
    };
    const warnings = state.passed.flatMap((threshold): readonly BudgetEvent[] => {
      const percent = budget.warnAt[sent.thresholds.indexOf(threshold)];
      return percent === undefined ? [] : [{ ...about, what: { kind: "warning", percent } }];
    });
    return state.exhausted ? [...warnings, { ...about, what: { kind: "exhausted" } }] : warnings;
  }

  async function isInTime(written: Promise<unknown>): Promise<boolean> {
    let patience: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => {
      patience = setTimeout(resolve, patienceMs, false);
    });
    const done = await Promise.race([written.then(() => true), late]);
    clearTimeout(patience);
    return done;
  }

  function arm(): void {
    if (closed || timer !== undefined) return;
    timer = setTimeout(() => track(tick()), writeEveryMs);
  }

  function track(work: Promise<void>): void {
    const tracked = work.finally(() => writing.delete(tracked));
    writing.add(tracked);
  }

  async function tick(): Promise<void> {
    const at = clock.elapsed();
    if (at >= restsUntil && hanging === 0) {
      await writeAll(
        [...accounts].filter((account) => !account.busy && isDue(account, at)),
        false,
      );
      await end([...accounts].filter((account) => isOver(account, at)));
      if (accounts.size > 0 && at - renewedAt >= renewEveryMs) await renew(at);
    }
    timer = undefined;
    if (accounts.size > 0 || ended.length > 0) arm();
  }

  /** Whether there is something to tell the database. */
  function isDue(account: Account, at: number): boolean {
    if (at < account.restsUntil) return false;
    if (account.settled !== account.written) return true;
    if (account.exhausted || account.lease < account.reserved) return true;
    if (account.lease > 0 && isLapsed(account, at)) return true;
    return account.lease > account.reserved && at - account.usedAt >= idleAfterMs;
  }

  function isOver({ busy, calls, lease, settled, written, exhausted, usedAt }: Account, at: number): boolean {
    return !busy && !exhausted && calls === 0 && lease === 0 && settled === written && at - usedAt >= idleAfterMs;
  }

  /** Gives how many accounts there still are. */
  async function giveAllBack(): Promise<number> {
    await writeAll([...accounts], true);
    await end([...accounts].filter(({ settled, written, lease }) => settled === written && lease === 0));
    while (ended.length > 0) await end([]);
    return accounts.size;
  }

  async function writeAll(due: readonly Account[], giveAll: boolean): Promise<void> {
    for (let from = 0; from < due.length; from += batchSize) {
      const batch = due.slice(from, from + batchSize).filter(({ busy }) => !busy);
      for (const account of batch) account.busy = true;
      const written = await writeEach(batch, giveAll);
      for (const account of batch) {
        account.busy = false;
        if (account.waiting.length > 0) track(serve(account));
      }
      if (written === "away") return;
    }
  }

  /** One that the database refuses is found by halving, so that it holds up no other. */
  async function writeEach(batch: readonly Account[], giveAll: boolean): Promise<Written> {
    const written = await write(batch, [], giveAll);
    if (written !== "refused" || batch.length < 2) return written;
    const middle = Math.ceil(batch.length / 2);
    const first = await writeEach(batch.slice(0, middle), giveAll);
    return first === "away" ? first : writeEach(batch.slice(middle), giveAll);
  }

  async function end(over: readonly Account[]): Promise<void> {
    for (const account of over) {
      forget(account);
      if (account.seenAt > Number.NEGATIVE_INFINITY || account.settled > 0) ended.push(account.turn);
    }
    const gone = ended.splice(0, batchSize);
    if (gone.length === 0) return;
    // What is left of one that can't be taken away now is worth nothing, and goes by itself.
    await store
      .end(holder, gone)
      .catch((error: unknown) => onTrouble(error, "a budget's lease could not be taken away"));
  }

  function forget(account: Account): void {
    account.forgotten = true;
    accounts.delete(account);
    const name = nameOf(account.key);
    if (current.get(name) === account) current.delete(name);
  }

  async function renew(at: number): Promise<void> {
    try {
      const alive = new Set(await store.touch(holder));
      for (const account of accounts)
        if (alive.has(account.turn) && account.seenAt > Number.NEGATIVE_INFINITY) account.seenAt = at;
      renewedAt = at;
    } catch (error) {
      onTrouble(error, "leases of budgets could not be renewed");
    }
  }
}

/** Whether a budget is spent from it now. */
function isRunning({ forgotten, key, renews }: Account, now: number): boolean {
  return !forgotten && now >= key.starts && (renews === undefined || now < renews);
}

function nameOf({ scope, period, id }: Pick<SpendKey, "scope" | "period" | "id">): string {
  return `${scope}/${period}/${id}`;
}
