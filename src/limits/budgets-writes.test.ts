import { expect } from "bun:test";
import fc from "fast-check";
import { type DatabaseTest, onEachDatabase, type Place } from "../../test/storage.ts";
import type { Budget } from "../domain/budget.ts";
import { Refusal } from "../domain/refusal.ts";
import { isDataRefused } from "../storage/database-failure.ts";
import { createSpendStore } from "../storage/spend.ts";
import { type Budgets, type BudgetTicket, createBudgets } from "./budgets.ts";

const usd = 1_000_000_000;
const amount = 10 * usd;
const budget: Budget = { amountUsd: "10", period: "total", hard: true, warnAt: [] };

/** One process's budgets, and whom it tells that a write of a project's budget has just begun. */
async function open(place: Place) {
  const { storage } = await place.openStores();
  const store = createSpendStore(storage);
  const listeners = new Map<string, () => void>();
  const budgets = createBudgets({
    store: {
      ...store,
      sync: (holder, news, describe) => {
        const written = store.sync(holder, news, describe);
        for (const part of news) listeners.get(part.id)?.();
        return written;
      },
    },
    clock: { now: Date.now, elapsed: () => performance.now() },
    userBudgets: () => [],
    onFailure: "closed",
    onEvent: () => {},
    keepNotices: false,
    isRefused: isDataRefused,
    onTrouble: (error) => {
      throw error;
    },
  });
  return { budgets, listeners, [Symbol.asyncDispose]: budgets.close };
}

type Process = Awaited<ReturnType<typeof open>>;

/** Calls of one project that come at once; those that pass. */
async function takeAtOnce(
  { budgets }: { readonly budgets: Budgets },
  id: string,
  { calls, estimate }: { readonly calls: number; readonly estimate: number },
): Promise<readonly BudgetTicket[]> {
  const subject = { project: { id, budgets: [budget] }, estimateNanoUsd: () => estimate };
  const taken = await Promise.all(
    Array.from({ length: calls }, async () => {
      try {
        return await budgets.take(subject);
      } catch (error) {
        if (error instanceof Refusal) return undefined;
        throw error;
      }
    }),
  );
  return taken.filter((ticket) => ticket !== undefined);
}

/** Does it in the moment in which a write of that project's budget has begun and isn't done; soon where none begins. */
function whileWritten<Result>(
  { listeners }: Pick<Process, "listeners">,
  id: string,
  act: () => Promise<Result>,
): Promise<Result> {
  const { promise, resolve } = Promise.withResolvers<Result>();
  const begin = () => {
    clearTimeout(late);
    listeners.delete(id);
    resolve(act());
  };
  const late = setTimeout(begin, 500);
  listeners.set(id, begin);
  return promise;
}

/** Calls that come at once, and what becomes of them. */
type Burst = {
  /** Which of both processes they come to. */
  readonly at: 0 | 1;
  readonly calls: number;
  readonly estimate: number;
  /** The part of the estimate that each costs, and how long that takes. Percent, milliseconds. */
  readonly costs: number;
  readonly lasts: number;
  /** Whether they come while that process writes. */
  readonly isWhileWritten: boolean;
};

const burst = (at: 0 | 1, isWhileWritten: boolean, lasts: number) =>
  fc
    .record({ calls: fc.constantFrom(2, 8, 8), costs: fc.constantFrom(0, 1, 20) })
    .map((size): Burst => ({ ...size, at, estimate: usd, lasts, isWhileWritten }));

const small = { calls: 1, estimate: usd / 100, costs: 100, lasts: 0, isWhileWritten: true };

/** A process has a rush, little or nothing, and a rush while it writes; the other has one before and one soon after. */
const plans = fc
  .tuple(
    fc.array(burst(1, false, 0), { maxLength: 1 }),
    burst(0, false, 0),
    fc.array(fc.constantFrom<Burst[]>({ ...small, at: 0 }, { ...small, at: 0 }, { ...small, at: 1 }), { maxLength: 3 }),
    burst(0, true, 300),
    burst(1, false, 300),
    fc.array(fc.oneof(burst(0, true, 300), burst(1, true, 300)), { maxLength: 2 }),
  )
  .map((parts) => parts.flat());

onEachDatabase((it: DatabaseTest, makePlace) => {
  it("what a process gives back is taken by none of its calls while that is written down", async () => {
    await using place = await makePlace();
    await using one = await open(place);
    await using other = await open(place);
    for (const ticket of await takeAtOnce(one, "p", { calls: 8, estimate: usd })) ticket.settle(usd / 100);
    // The first write keeps what calls needed at once, the second gives most of it back.
    for (const ticket of await whileWritten(one, "p", () => takeAtOnce(one, "p", small))) ticket.settle(usd / 100);
    const late = whileWritten(one, "p", () => takeAtOnce(one, "p", { calls: 7, estimate: usd }));
    expect(await late).toHaveLength(7);
    expect(await takeAtOnce(other, "p", { calls: 9, estimate: usd })).toHaveLength(2);
  });

  it("what a process keeps is taken without waiting while that is written down", async () => {
    await using place = await makePlace();
    await using one = await open(place);
    const take = () => one.budgets.take({ project: { id: "p", budgets: [budget] }, estimateNanoUsd: () => usd / 100 });
    (await take())?.settle(usd / 100);
    const answers = await whileWritten(one, "p", async () => Array.from({ length: 25 }, take));
    expect(answers.filter((answer) => answer instanceof Promise)).toEqual([]);
  });

  it("of no budget more is spent and reserved than it has, whenever calls come to whichever process", async () => {
    await using place = await makePlace();
    await using one = await open(place);
    await using other = await open(place);
    const most = await Promise.all(
      fc.sample(plans, { numRuns: 150, seed: 7 }).map(async (plan, index) => {
        const id = `p${index}`;
        const sum = { now: 0, most: 0 };
        const running: Promise<void>[] = [];
        for (const { at, estimate, costs, lasts, isWhileWritten, ...rest } of plan) {
          const process = at === 0 ? one : other;
          const take = () => takeAtOnce(process, id, { ...rest, estimate });
          const tickets = await (isWhileWritten ? whileWritten(process, id, take) : take());
          sum.now += tickets.length * estimate;
          sum.most = Math.max(sum.most, sum.now);
          const cost = (estimate / 100) * costs;
          const end = () => {
            for (const ticket of tickets) ticket.settle(cost);
            sum.now -= tickets.length * (estimate - cost);
          };
          if (lasts === 0) end();
          else running.push(Bun.sleep(lasts).then(end));
        }
        await Promise.all(running);
        return sum.most;
      }),
    );
    expect(most.filter((sum) => sum > amount)).toEqual([]);
    // They do come near it.
    expect(most.filter((sum) => sum > amount * 0.9).length).toBeGreaterThan(10);
  }, 30_000);
});
