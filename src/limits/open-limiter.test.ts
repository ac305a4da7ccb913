import { edenGC, fullGC } from "bun:jsc";
import { expect } from "bun:test";
import { createRedisConnection } from "../lib/redis-connection.ts";
import { needs } from "../../test/needs.ts";
import { findRedis, startRedis, whatRedisNeeds } from "../../test/redis.ts";
import type { OnFailure } from "./fallback-limiter.ts";
import type { Demand, Verdict } from "./limiter.ts";
import { type OpenLimiter, openLimiter } from "./open-limiter.ts";

const defineTest = needs(whatRedisNeeds, findRedis());
/** Connecting again takes its time. */
const testOnRedis = (name: string, run: () => Promise<void>) => defineTest(name, run, 30_000);
const demands: readonly Demand[] = [{ scope: "global", key: "global:", figures: { requestsPerMinute: 100 } }];

/** Its patience is long, because nobody knows what else this machine has to do. */
async function open(
  url: string,
  {
    onFailure = "local",
    patienceMs = 2000,
    lateMs = 250,
    elapsed = () => performance.now(),
  }: { onFailure?: OnFailure; patienceMs?: number; lateMs?: number; elapsed?: () => number } = {},
) {
  const changes: string[] = [];
  const connection = createRedisConnection({ url, elapsed: () => performance.now(), onTrouble: () => {} });
  const limiter = await openLimiter({
    onFailure,
    connection,
    now: Date.now,
    elapsed,
    onChange: (state) => changes.push(state),
    leaseMs: 3000,
    patienceMs,
    lateMs,
  });
  return {
    ...limiter,
    changes,
    async [Symbol.asyncDispose]() {
      await limiter.close();
      connection.close();
    },
  };
}

let ids = 0;
function reserve(limiter: OpenLimiter): Verdict | Promise<Verdict> {
  ids += 1;
  return limiter.reserve(`call-${ids}`, demands, { tokens: 0, optimistic: false });
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 20_000; !(await holds()); await Bun.sleep(5))
    if (performance.now() > end) throw new Error("It doesn't become so");
}

function countPassed(verdicts: readonly Verdict[]): number {
  return verdicts.filter(({ kind }) => kind === "passed").length;
}

testOnRedis(
  "a burst over three processes is counted exactly, though Redis takes longer for it than for one call",
  async () => {
    await using server = await startRedis();
    await using one = await open(server.url);
    await using two = await open(server.url);
    await using three = await open(server.url);
    const calls = [one, two, three].flatMap((limiter) => Array.from({ length: 500 }, async () => reserve(limiter)));
    expect(countPassed(await Promise.all(calls))).toBe(100);
    expect([one, two, three].map(({ redisState }) => redisState())).toEqual(["up", "up", "up"]);
  },
);

testOnRedis(
  "with Redis killed each process goes on with its own share of the count, and shares again when it is back",
  async () => {
    await using server = await startRedis();
    await using one = await open(server.url);
    await using two = await open(server.url);
    expect(await reserve(one)).toMatchObject({ kind: "passed", tightest: { remaining: 99 } });
    expect(await reserve(two)).toMatchObject({ tightest: { remaining: 98 } });
    await server.kill();
    const alone = await Promise.all(Array.from({ length: 150 }, async () => reserve(one)));
    expect(countPassed(alone)).toBe(99);
    expect(await reserve(two)).toMatchObject({ tightest: { remaining: 98 } });
    await until(() => one.redisState() === "down" && two.redisState() === "down");
    await server.restart();
    await until(() => one.redisState() === "up" && two.redisState() === "up");
    expect(await reserve(one)).toMatchObject({ tightest: { remaining: 99 } });
    expect(await reserve(two)).toMatchObject({ tightest: { remaining: 98 } });
    expect(one.changes).toEqual(["up", "down", "up"]);
  },
);

testOnRedis(
  "a Redis that says nothing is gone without: the first calls wait for a while, later ones don't",
  async () => {
    await using server = await startRedis();
    await using limiter = await open(server.url, { patienceMs: 200 });
    expect(await reserve(limiter)).toMatchObject({ kind: "passed" });
    server.freeze();
    const first = await Promise.all([1, 2].map(async () => reserve(limiter)));
    expect(first).toMatchObject([{ tightest: { remaining: 98 } }, { tightest: { remaining: 97 } }]);
    expect(reserve(limiter)).toMatchObject({ kind: "passed", tightest: { remaining: 96 } });
    await until(() => limiter.redisState() === "down");
    expect(reserve(limiter)).toMatchObject({ kind: "passed", tightest: { remaining: 95 } });
    server.thaw();
    await until(() => limiter.redisState() === "up");
    // What went on without it is counted there now, once.
    expect(await reserve(limiter)).toMatchObject({ tightest: { remaining: 94 } });
  },
);

testOnRedis(
  "what two processes let through while Redis is late is counted there, and hardly more than was left",
  async () => {
    await using server = await startRedis();
    // What was refused stays so for as long as the test takes.
    const elapsed = () => 0;
    await using one = await open(server.url, { patienceMs: 20, lateMs: 5000, elapsed });
    await using two = await open(server.url, { patienceMs: 20, lateMs: 5000, elapsed });
    for (let each = 0; each < 45; each += 1) for (const limiter of [one, two]) await reserve(limiter);
    server.freeze();
    const late = [one, two].map((limiter) => Array.from({ length: 50 }, async () => reserve(limiter)));
    const early = (await Promise.all(late.map((calls) => Promise.all(calls.slice(0, 5))))).flat();
    server.thaw();
    const passed = countPassed(await Promise.all(late.flat()));
    expect(countPassed(early)).toBe(10);
    // Who is asked about first may take what the other one let through, and has still to say: no more than was left.
    expect(passed).toBeGreaterThanOrEqual(10);
    expect(passed).toBeLessThanOrEqual(20);
    expect([one.changes, two.changes]).toEqual([["up"], ["up"]]);
    server.freeze();
    // What was refused a moment ago is refused at once, and for as long as it was then.
    expect(await reserve(one)).toMatchObject({ kind: "refused", by: { scope: "global", remaining: 0 } });
    server.thaw();
  },
);

testOnRedis("a late Redis is waited for where nobody passes without it, and nobody waits where all do", async () => {
  await using server = await startRedis();
  await using stopped = await open(server.url, { onFailure: "closed", patienceMs: 20, lateMs: 5000 });
  await using unlimited = await open(server.url, { onFailure: "open", patienceMs: 20, lateMs: 5000 });
  await reserve(stopped);
  server.freeze();
  const waits = reserve(stopped);
  const passed = await Promise.all([1, 2, 3].map(async () => reserve(unlimited)));
  expect(countPassed(passed)).toBe(3);
  server.thaw();
  expect((await waits).kind).toBe("passed");
  await until(() => unlimited.redisState() === "up");
  expect(await reserve(stopped)).toMatchObject({ tightest: { remaining: 100 - 6 } });
});

testOnRedis("without Redis calls are let through or stopped where the operator wants that", async () => {
  await using server = await startRedis();
  await using unlimited = await open(server.url, { onFailure: "open" });
  await using stopped = await open(server.url, { onFailure: "closed" });
  expect(await reserve(unlimited)).toMatchObject({ kind: "passed" });
  expect(await reserve(stopped)).toMatchObject({ kind: "passed" });
  await server.kill();
  expect([await reserve(unlimited), await reserve(stopped)]).toEqual([{ kind: "uncounted" }, { kind: "unavailable" }]);
  await until(() => unlimited.redisState() === "down" && stopped.redisState() === "down");
  expect([reserve(unlimited), reserve(stopped)]).toEqual([{ kind: "uncounted" }, { kind: "unavailable" }]);
});

testOnRedis("it starts without a Redis, which may come later", async () => {
  await using server = await startRedis();
  await server.kill();
  await using limiter = await open(server.url);
  expect(limiter.redisState()).toBe("down");
  expect(reserve(limiter)).toMatchObject({ kind: "passed" });
  await server.restart();
  await until(() => limiter.redisState() === "up");
});

testOnRedis("a call that has been counted is held no longer, not until a full collection either", async () => {
  await using server = await startRedis();
  await using limiter = await open(server.url);
  const costs: WeakRef<object>[] = [];
  for (let round = 0; round < 40; round += 1) {
    const calls = Array.from({ length: 100 }, async (_, place) => {
      const cost = { tokens: 0, optimistic: false };
      costs.push(new WeakRef(cost));
      return limiter.reserve(`held-${round}-${place}`, demands, cost);
    });
    // What this collection meets is old from then on.
    if (round === 0) fullGC();
    await Promise.all(calls);
  }
  await Bun.sleep(0);
  edenGC();
  expect(costs.filter((cost) => cost.deref() !== undefined).length).toBeLessThan(costs.length / 4);
});
