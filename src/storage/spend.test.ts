import { expect } from "bun:test";
import { faultOf, onEachDatabase } from "../../test/storage.ts";
import type { SpendNews } from "../domain/spend.ts";
import { createSpendStore } from "./spend.ts";

const news: SpendNews = {
  scope: "token",
  id: "t",
  period: "day",
  starts: 1_700_006_400_000,
  turn: 1,
  settled: 0,
  reserved: 0,
  keep: 0,
  peak: 0,
  needs: [],
  amount: 1000,
  thresholds: [],
  exhausted: false,
};

onEachDatabase((it, makePlace) => {
  it("a lease is what calls need that wait, or a share in whole calls, and nobody else's", async () => {
    await using place = await makePlace();
    const [one, other] = [createSpendStore((await place.openStores()).storage), createSpendStore(await place.open())];
    // 3 % of 1000, in calls of 4.
    expect(await one.sync("one", [{ ...news, needs: [4] }])).toEqual([
      { lease: 28, left: 1000, spent: 0, passed: [], exhausted: false },
    ]);
    expect(await other.sync("other", [{ ...news, needs: [900, 200, 72] }])).toEqual([
      { lease: 972, left: 972, spent: 0, passed: [], exhausted: false },
    ]);
    // Of its own it may reserve all, whatever that was called before.
    expect(await one.sync("one", [{ ...news, reserved: 20, keep: 8, peak: 24, needs: [9] }])).toEqual([
      { lease: 28, left: 8, spent: 0, passed: [], exhausted: false },
    ]);
    expect(await one.sync("one", [{ ...news, id: "another", needs: [1001] }])).toMatchObject([{ lease: 0 }]);
  });

  it("what is said twice is spent once, and what was leased for it becomes smaller", async () => {
    await using place = await makePlace();
    const store = createSpendStore((await place.openStores()).storage, () => news.starts);
    await store.sync("one", [{ ...news, needs: [100] }]);
    const said = { ...news, settled: 60, reserved: 25, keep: 15, peak: 100 };
    expect(await store.sync("one", [said])).toEqual([
      { lease: 40, left: 915, spent: 60, passed: [], exhausted: false },
    ]);
    expect(await store.sync("one", [said])).toEqual([
      { lease: 40, left: 915, spent: 60, passed: [], exhausted: false },
    ]);
    expect(await store.sync("one", [{ ...said, turn: 2, settled: 7, reserved: 0, keep: 0 }])).toMatchObject([
      { lease: 0, left: 893, spent: 67 },
    ]);
    await store.end("one", [1]);
    expect(await store.sync("two", [{ ...news, turn: 1 }])).toMatchObject([{ left: 933, spent: 67 }]);
  });

  it("the lease of a process that is not heard of lapses, and calls under way count again as soon as it is", async () => {
    await using place = await makePlace();
    let now = 1_700_010_000_000;
    const store = createSpendStore((await place.openStores()).storage, () => now);
    await store.sync("dead", [{ ...news, needs: [700] }]);
    await store.sync("alive", [{ ...news, turn: 5, needs: [200] }]);
    now += 10_000;
    expect(await store.touch("alive")).toEqual([5]);
    now += 5_000;
    expect(await store.sync("new", [{ ...news, needs: [800] }])).toMatchObject([{ lease: 800, left: 800 }]);
    expect(await store.touch("dead")).toEqual([]);
    expect(await store.sync("dead", [{ ...news, reserved: 600, keep: 100, peak: 700 }])).toMatchObject([
      { lease: 600, left: -600 },
    ]);
    expect(await store.sync("new", [{ ...news, reserved: 10, keep: 790, peak: 800 }])).toMatchObject([
      { lease: 200, left: 190 },
    ]);
  });

  it("by the database's own clock a lease holds", async () => {
    await using place = await makePlace();
    const store = createSpendStore((await place.openStores()).storage);
    await store.sync("one", [{ ...news, needs: [700] }]);
    expect(await store.touch("one")).toEqual([1]);
    expect(await store.touch("other")).toEqual([]);
    expect(await store.sync("other", [news])).toMatchObject([{ left: 300 }]);
  });

  it("a threshold is told once, and never one below it", async () => {
    await using place = await makePlace();
    const [one, other] = [createSpendStore((await place.openStores()).storage), createSpendStore(await place.open())];
    const thresholds = [500, 800, 1000];
    const told = await Promise.all(
      Array.from({ length: 20 }, (_, turn) =>
        (turn % 2 === 0 ? one : other).sync("p", [{ ...news, turn, settled: 45, thresholds }]),
      ),
    );
    expect(told.flatMap(([state]) => state?.passed ?? []).toSorted((a, b) => a - b)).toEqual([500, 800]);
    expect(await one.sync("p", [{ ...news, turn: 20, settled: 300, thresholds }])).toMatchObject([
      { spent: 1200, passed: [1000] },
    ]);
    const next = { ...news, starts: news.starts + 86_400_000, settled: 2000, thresholds };
    expect(await other.sync("q", [next])).toMatchObject([{ passed: thresholds }]);
    expect(await other.sync("q", [{ ...next, thresholds: [400] }])).toMatchObject([{ passed: [] }]);
  });

  it("that calls are refused is told once, with what is to be told of it, and again of another amount", async () => {
    await using place = await makePlace();
    const { storage } = await place.openStores();
    const [one, other] = [createSpendStore(storage), createSpendStore(await place.open())];
    const describe: Parameters<typeof one.sync>[2] = ({ amount }, { exhausted }) =>
      exhausted ? [{ id: String(amount), body: "{}" }] : [];
    const told = await Promise.all(
      Array.from({ length: 10 }, (_, turn) =>
        (turn % 2 === 0 ? one : other).sync("p", [{ ...news, turn, exhausted: true }], describe),
      ),
    );
    expect(told.flat().filter(({ exhausted }) => exhausted)).toHaveLength(1);
    expect(await one.sync("p", [{ ...news, amount: 2000 }], describe)).toMatchObject([{ exhausted: false }]);
    expect(await one.sync("p", [{ ...news, amount: 2000, exhausted: true }], describe)).toMatchObject([
      { exhausted: true },
    ]);
    const kept = await storage.db.selectFrom("budget_notices").select(["id", "tries"]).orderBy("id").execute();
    expect(kept).toEqual([
      { id: "1000", tries: 0 },
      { id: "2000", tries: 0 },
    ]);
    // All or none.
    const fail = () => {
      throw new Error("It can't be told");
    };
    expect(await faultOf(one.sync("p", [{ ...news, turn: 99, settled: 5 }], fail))).toBe("It can't be told");
    expect(await one.sync("p", [news])).toMatchObject([{ spent: 0 }]);
  });

  it("parts of many budgets are written in any order without waiting for each other", async () => {
    await using place = await makePlace();
    const [one, other] = [createSpendStore((await place.openStores()).storage), createSpendStore(await place.open())];
    const parts = Array.from({ length: 20 }, (_, turn) => ({ ...news, id: `t${turn}`, turn, settled: turn }));
    const states = await Promise.all([
      one.sync("one", parts),
      other.sync("other", parts.toReversed()),
      one.sync("one", parts),
    ]);
    // Whoever came first, each is answered in its own order.
    expect(states.map((all) => all.length)).toEqual([20, 20, 20]);
    for (const [at, { turn }] of parts.entries()) expect([turn, turn * 2]).toContain(states[0]?.[at]?.spent ?? -1);
    expect(await one.sync("three", parts)).toMatchObject(parts.map(({ turn }) => ({ spent: turn * 3 })));
  });

  it("what lies long back is forgotten, and no total", async () => {
    await using place = await makePlace();
    let now = news.starts;
    const { storage } = await place.openStores();
    const store = createSpendStore(storage, () => now);
    await store.sync("one", [
      { ...news, settled: 5 },
      { ...news, turn: 2, period: "total", starts: 0, settled: 5 },
    ]);
    now += 399 * 86_400_000;
    await store.sync("two", [{ ...news, starts: now, turn: 3, settled: 7 }]);
    await store.end("two", [1]);
    expect(await storage.db.selectFrom("budget_leases").select("turn").execute()).toEqual([{ turn: 3 }]);
    expect(await storage.db.selectFrom("budget_spend").select("spent_nano").execute()).toHaveLength(3);
    now += 2 * 86_400_000;
    await store.end("two", [1]);
    const left = await storage.db.selectFrom("budget_spend").select(["period", "spent_nano"]).execute();
    expect(left.toSorted((a, b) => a.spent_nano - b.spent_nano)).toEqual([
      { period: "total", spent_nano: 5 },
      { period: "day", spent_nano: 7 },
    ]);
  });
});
