import { expect } from "bun:test";
import { hash } from "node:crypto";
import { z } from "zod";
import {
  type DatabaseTest,
  makePostgresPlace,
  onEachDatabase,
  type Place,
  testOnPostgres,
} from "../../test/storage.ts";
import type { Budget } from "../domain/budget.ts";
import { Refusal } from "../domain/refusal.ts";
import type { SpendStore } from "../domain/spend.ts";
import { isDataRefused } from "../storage/database-failure.ts";
import { createSpendStore } from "../storage/spend.ts";
import type { BudgetEvent } from "./budget-event.ts";
import { type Budgets, type BudgetSubject, type BudgetTicket, createBudgets } from "./budgets.ts";

const usd = 1_000_000_000;
const month: Budget = { amountUsd: "1", period: "month", hard: true, warnAt: [] };

/** A moment shortly before a month's end, in UTC. */
const start = Date.parse("2026-03-31T23:59:50Z");

/** Two processes' budgets over one database, with a time that tests move. */
async function openPair(place: Place, more: { readonly onFailure?: "open"; readonly users?: readonly Budget[] } = {}) {
  const time = { ms: 0 };
  const told: BudgetEvent[] = [];
  const troubles: string[] = [];
  const clock = { now: () => start + time.ms, elapsed: () => time.ms };
  const open = async () => {
    const { storage } = await place.openStores({ now: clock.now });
    const store = createSpendStore(storage, clock.now);
    const calls = { count: 0 };
    const counted: SpendStore = {
      ...store,
      sync: (holder, news, describe) => {
        calls.count += 1;
        return store.sync(holder, news, describe);
      },
    };
    const budgets = createBudgets({
      store: counted,
      clock,
      userBudgets: () => more.users ?? [],
      onFailure: more.onFailure ?? "closed",
      onEvent: (event) => told.push(event),
      keepNotices: true,
      isRefused: isDataRefused,
      onTrouble: (_, phrase) => troubles.push(phrase),
    });
    return { storage, budgets, calls };
  };
  const [one, other] = [await open(), await open()];
  const readSpent = async (id = "p", period = "month") => {
    const rows = await one.storage.db.selectFrom("budget_spend").selectAll().where("id", "=", id).execute();
    return rows.filter((row) => row.period === period).map(({ spent_nano: spent }) => spent);
  };
  const readNotices = async () =>
    (await one.storage.db.selectFrom("budget_notices").select("body").execute()).map(
      ({ body }) => z.object({ type: z.string() }).parse(JSON.parse(body)).type,
    );
  const readLeases = async () => (await other.storage.db.selectFrom("budget_leases").selectAll().execute()).length;
  return {
    time,
    told,
    troubles,
    one,
    other,
    readSpent,
    readNotices,
    readLeases,
    [Symbol.asyncDispose]: async () => {
      await one.budgets.close();
      await other.budgets.close();
    },
  };
}

/** Whose money is spent; how much, a call says. */
type Spenders = Omit<BudgetSubject, "estimateNanoUsd">;

const project = (...budgets: readonly Budget[]): Spenders => ({ project: { id: "p", budgets } });

/** What came of taking: a ticket, or what was refused. */
async function take(
  { budgets }: { readonly budgets: Budgets },
  subject: Spenders,
  estimate: number | undefined,
): Promise<BudgetTicket | Refusal> {
  try {
    const ticket = await budgets.take({ ...subject, estimateNanoUsd: () => estimate });
    if (!ticket) throw new Error("No budget was concerned");
    return ticket;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

async function taken(...asked: Parameters<typeof take>): Promise<BudgetTicket> {
  const ticket = await take(...asked);
  if (ticket instanceof Refusal) throw ticket;
  return ticket;
}

const isTicket = (answer: BudgetTicket | Refusal): answer is BudgetTicket => !(answer instanceof Refusal);

/** Waits for what happens by itself. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error("It did not happen");
    await Bun.sleep(20);
  }
}

onEachDatabase((it: DatabaseTest, makePlace) => {
  it("of 200 calls at once over two processes exactly as many pass as the budget has room for", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    (await taken(pair.one, project(month), usd / 2)).settle(usd / 2);
    await pair.one.budgets.close();
    const fresh = await openPair(place);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, at) => take(at % 2 === 0 ? fresh.one : fresh.other, project(month), usd / 100)),
    );
    const passed = answers.filter(isTicket);
    expect(passed).toHaveLength(50);
    const refusal = answers.find((answer) => answer instanceof Refusal);
    expect(refusal).toMatchObject({ code: "budget_exceeded", status: 402 });
    // Others did not get what one of both had refused, and a call costs what it costs.
    for (const ticket of passed) ticket.settle(usd / 100 + 7);
    await fresh[Symbol.asyncDispose]();
    expect(await pair.readSpent()).toEqual([1_000_000_350]);
    expect(await pair.readLeases()).toBe(0);
  });

  it("a refusal says whose budget it is and when it renews, and nobody's id", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place, { users: [{ ...month, period: "day", amountUsd: "0.5" }] });
    const refusal = await take(pair.one, { ...project(month), user: "alice@example.com" }, (usd * 6) / 10);
    expect(refusal).toMatchObject({
      code: "budget_exceeded",
      message:
        "The budget for the day of this user is spent, or what is left of it is too little for this request. It renews at 2026-04-01T00:00:00Z: wait until then, or ask for a larger one.",
      headers: { "x-budget-scope": "user", "x-budget-period": "day", "retry-after": "10" },
    });
    // The project's part was given back.
    expect(isTicket(await take(pair.one, project(month), usd))).toBe(true);
    const total = await take(pair.one, project({ ...month, period: "total" }), usd * 2);
    expect(total).toMatchObject({
      message: expect.stringContaining("It does not renew"),
      headers: { "x-budget-scope": "project", "x-budget-period": "total" },
    });
    expect(total).not.toHaveProperty("headers.retry-after");
  });

  it("a call of nobody's budget is not looked at, and one that a lease covers costs the database nothing", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    const { budgets, calls } = pair.one;
    expect(
      budgets.take({ project: { id: "p", budgets: [] }, user: "u", estimateNanoUsd: () => fail() }),
    ).toBeUndefined();
    const large = project({ ...month, amountUsd: "1000" });
    (await taken(pair.one, large, 1000)).settle(900);
    expect(calls.count).toBe(1);
    for (let at = 0; at < 10_000; at += 1) {
      const ticket = budgets.take({ ...large, estimateNanoUsd: () => 1000 });
      if (ticket === undefined || ticket instanceof Promise) throw new Error("The database was asked");
      ticket.settle(900);
    }
    expect(calls.count).toBe(1);
    await until(async () => (await pair.readSpent())[0] === 9_000_900);
  });

  it("what was reserved and not spent is there again, for the other process too", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    const [first, second] = [
      await taken(pair.one, project(month), usd / 2),
      await taken(pair.one, project(month), usd / 2),
    ];
    expect(isTicket(await take(pair.other, project(month), 1))).toBe(false);
    first.giveBack();
    second.settle(usd / 4);
    // At once here, and elsewhere as soon as it isn't used.
    const third = await taken(pair.one, project(month), usd / 2);
    third.giveBack();
    pair.time.ms += 2_000;
    await until(async () => {
      // What was refused is asked for again after a moment.
      pair.time.ms += 20;
      return isTicket(await take(pair.other, project(month), (usd * 3) / 4));
    });
    expect(await pair.readSpent()).toEqual([250_000_000]);
  });

  it("what a process had reserved that died is there again as soon as its lease has lapsed", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    const day: Budget = { ...month, period: "total" };
    const { budgets } = pair.one;
    const settled = await taken(pair.one, project(day), usd / 4);
    settled.settle(usd / 4);
    await until(async () => (await pair.readSpent("p", "total"))[0] === 250_000_000);
    await taken(pair.one, project(day), usd / 2);
    await pair.one.storage.close();
    const need = (usd * 3) / 4;
    expect(isTicket(await take(pair.other, project(day), need))).toBe(false);
    pair.time.ms += 14_000;
    expect(isTicket(await take(pair.other, project(day), need))).toBe(false);
    pair.time.ms += 2_000;
    const ticket = await taken(pair.other, project(day), need);
    // Whoever was thought dead uses nothing of what it had.
    expect(await take({ budgets }, project(day), 1)).toMatchObject({ code: "dependency_unavailable" });
    ticket.giveBack();
  });

  it("a call waits a moment for what another is about to settle, and no longer", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    const need = Math.floor((usd * 2) / 3);
    const both = project(month, { ...month, period: "total", amountUsd: "5" });
    const [first, second] = [await taken(pair.one, both, need), take(pair.one, both, need)];
    setTimeout(() => first.settle(usd / 10), 40);
    const ticket = await second;
    expect(isTicket(ticket)).toBe(true);
    expect(await take(pair.one, both, need)).toMatchObject({ code: "budget_exceeded" });
    if (isTicket(ticket)) ticket.settle(usd / 10);
    await pair.one.budgets.close();
    // What was tried and given back counts nowhere.
    expect(await pair.readSpent()).toEqual([200_000_000]);
    expect(await pair.readSpent("p", "total")).toEqual([200_000_000]);
  });

  it("what is reserved refuses for a moment, and what is spent until it renews", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    const total: Budget = { ...month, period: "total" };
    const ask = async (budget: Budget, need: number) => {
      const answer = await take(pair.one, project(budget), need);
      if (isTicket(answer)) throw new Error("It passes");
      return { message: answer.message, after: answer.headers["retry-after"] };
    };
    const held = [await taken(pair.one, project(month), usd / 2), await taken(pair.one, project(total), usd / 2)];
    for (const budget of [month, total]) {
      const { message, after } = await ask(budget, (usd * 3) / 4);
      expect(after).toBe("2");
      expect(message).toContain("is reserved for other requests");
    }
    // No longer than the period lasts.
    pair.time.ms += 9_500;
    expect((await ask(month, (usd * 3) / 4)).after).toBe("1");
    pair.time.ms -= 9_500;
    for (const ticket of held) ticket.settle(usd / 2);
    const late = await ask(month, (usd * 3) / 4);
    expect(late).toMatchObject({ after: "10", message: expect.stringContaining("is spent") });
    expect((await ask(total, (usd * 3) / 4)).after).toBeUndefined();
    // What all of it could not pay isn't waited for.
    expect((await ask(month, usd * 2)).after).toBe("10");
  });

  it("what another process has spent and not only leased refuses until it renews", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    const ticket = await taken(pair.one, project(month), (usd * 3) / 4);
    const ask = async () => {
      const answer = await take(pair.other, project(month), usd / 2);
      return answer instanceof Refusal ? answer.headers["retry-after"] : "passed";
    };
    expect(await ask()).toBe("2");
    ticket.settle((usd * 3) / 4);
    await until(async () => (await pair.readSpent())[0] === 750_000_000);
    pair.time.ms += 200;
    expect(await ask()).toBe("10");
  });

  it("a new month begins anew, and a call is settled in the one where it was reserved", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    const [late, other] = [
      await taken(pair.one, project(month), usd / 2),
      await taken(pair.one, project(month), usd / 2),
    ];
    expect(await take(pair.one, project(month), 1)).toMatchObject({ code: "budget_exceeded" });
    pair.time.ms += 10_000;
    const next = await taken(pair.one, project(month), usd);
    late.settle(usd / 4);
    other.giveBack();
    next.settle(usd / 8);
    await pair.one.budgets.close();
    expect((await pair.readSpent()).toSorted((a, b) => a - b)).toEqual([125_000_000, 250_000_000]);
  });

  it("a soft budget stops nothing, and each threshold is told once by one process", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    const soft = project({ ...month, hard: false, warnAt: [50, 80, 100] });
    for (const process of [pair.one, pair.other, pair.one]) (await taken(process, soft, usd)).settle((usd * 3) / 10);
    await until(() => pair.told.length >= 2);
    for (let at = 0; at < 20; at += 1)
      (await taken(at % 2 === 0 ? pair.one : pair.other, soft, undefined)).settle(usd / 10);
    await pair.one.budgets.close();
    await pair.other.budgets.close();
    expect(pair.told.map(({ what }) => what)).toEqual([50, 80, 100].map((percent) => ({ kind: "warning", percent })));
    expect(await pair.readNotices()).toEqual(["budget.warning", "budget.warning", "budget.warning"]);
    expect(pair.told[0]).toMatchObject({ scope: "project", id: "p", period: "month", amountUsd: "1" });
    expect(await pair.readSpent()).toEqual([2_900_000_000]);
    expect(pair.troubles).toEqual([]);
  });

  it("a hard budget that refuses calls tells so once in a period, and again where it was raised and is spent again", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    // What the whole budget could not pay says nothing of it, and neither does what is only reserved.
    await take(pair.one, project(month), usd * 2);
    const ticket = await taken(pair.one, project(month), (usd * 3) / 4);
    await take(pair.other, project(month), usd / 2);
    ticket.settle((usd * 3) / 4);
    await until(async () => (await pair.readSpent())[0] === 750_000_000);
    pair.time.ms += 200;
    for (let at = 0; at < 6; at += 1) await take(at % 2 === 0 ? pair.one : pair.other, project(month), usd / 2);
    await until(() => pair.told.length > 0);
    expect(pair.told).toMatchObject([{ id: "p", what: { kind: "exhausted" }, spentNanoUsd: "750000000" }]);
    const raised = project({ ...month, amountUsd: "1.1" });
    for (const process of [pair.one, pair.other]) await take(process, raised, usd / 2);
    await until(() => pair.told.length > 1);
    await pair.one.budgets.close();
    await pair.other.budgets.close();
    expect(pair.told.map(({ amountUsd }) => amountUsd)).toEqual(["1", "1.1"]);
    expect(await pair.readNotices()).toEqual(["budget.exhausted", "budget.exhausted"]);
    expect(pair.troubles).toEqual([]);
  });

  it("a call that has no price passes as long as anything is left", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    const tickets = [
      await taken(pair.one, project(month), undefined),
      await taken(pair.one, project(month), undefined),
    ];
    tickets[0]?.settle(undefined);
    const rest = await taken(pair.one, project(month), usd);
    expect(await take(pair.one, project(month), undefined)).toMatchObject({ code: "budget_exceeded" });
    // What costs nothing needs nothing.
    expect(isTicket(await take(pair.one, project(month), 0))).toBe(true);
    rest.giveBack();
    expect(isTicket(await take(pair.one, project(month), undefined))).toBe(true);
  });

  it("a budget that is changed holds from the next call on", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    (await taken(pair.one, project(month), usd)).settle(usd);
    expect(isTicket(await take(pair.one, project(month), 1))).toBe(false);
    const ticket = await taken(pair.one, project({ ...month, amountUsd: "2" }), usd);
    ticket.giveBack();
    expect(isTicket(await take(pair.one, project({ ...month, amountUsd: "0.5" }), 1))).toBe(false);
  });

  it("without its database the lease in hand is used up, and then calls are refused", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place);
    const large = project({ ...month, amountUsd: "1000" });
    (await taken(pair.one, large, usd)).settle(0);
    await pair.one.storage.close();
    const asked = await Promise.all(Array.from({ length: 40 }, () => take(pair.one, large, usd)));
    expect(asked.filter(isTicket)).toHaveLength(30);
    expect(asked.at(-1)).toMatchObject({ code: "dependency_unavailable", status: 503 });
    expect(pair.troubles.length).toBeGreaterThan(0);
  });

  it("where the operator says so, calls pass without the database", async () => {
    await using place = await makePlace();
    await using pair = await openPair(place, { onFailure: "open" });
    await pair.one.storage.close();
    const ticket = await taken(pair.one, project(month), usd * 5);
    ticket.settle(usd);
    expect(pair.troubles.length).toBeGreaterThan(0);
  });
});

/** A name that is too large for an index of PostgreSQL, however it is packed; SQLite has nothing against it. */
const unwritable = Array.from({ length: 300 }, (_, at) => hash("sha256", String(at), "hex")).join("");

testOnPostgres(
  "an account that the database refuses holds no other up, and is given up in the end",
  async () => {
    await using place = await makePostgresPlace();
    await using pair = await openPair(place, { users: [{ ...month, hard: false }] });
    const { one } = pair;
    (await taken(one, { user: unwritable }, usd / 10)).settle(usd / 10);
    for (let at = 0; at < 20; at += 1) (await taken(one, { user: `u${at}` }, usd / 10)).settle(usd / 10);
    await until(async () => (await pair.readSpent("u19"))[0] === usd / 10);
    // Others can be asked for all the while.
    (await taken(one, project(month), usd / 2)).settle(usd / 2);
    await until(async () => (await pair.readSpent())[0] === usd / 2);
    for (let at = 0; at < 20; at += 1) expect(await pair.readSpent(`u${at}`)).toEqual([usd / 10]);
    await until(() => {
      pair.time.ms += 2_000;
      return pair.troubles.some((phrase) => phrase.includes("given up"));
    });
    expect(new Set(pair.troubles)).toEqual(
      new Set([
        "the database refuses what is spent of a budget, which is tried again",
        "the database refuses what is spent of a budget, which is given up",
      ]),
    );
    expect(await pair.readSpent(unwritable)).toEqual([]);
  },
  30_000,
);

testOnPostgres("what was spent is written down at the end, but of what the database refuses", async () => {
  await using place = await makePostgresPlace();
  await using pair = await openPair(place, { users: [{ ...month, hard: false }] });
  for (const user of ["u0", unwritable, "u1", "u2"]) (await taken(pair.one, { user }, usd / 10)).settle(usd / 10);
  (await taken(pair.one, project(month), usd / 2)).settle(usd / 4);
  await pair.one.budgets.close();
  for (const user of ["u0", "u1", "u2"]) expect(await pair.readSpent(user)).toEqual([usd / 10]);
  expect(await pair.readSpent()).toEqual([usd / 4]);
  expect(await pair.readLeases()).toBe(0);
  expect(pair.troubles).toEqual(["the database refuses what is spent of a budget, which is given up"]);
});

function fail(): never {
  throw new Error("Nothing was to be estimated");
}
