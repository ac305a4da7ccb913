import { expect, test } from "bun:test";
import { z } from "zod";
import { createRedisConnection, type RedisConnection } from "../lib/redis-connection.ts";
import { needs } from "../../test/needs.ts";
import { findRedis, startRedis, whatRedisNeeds } from "../../test/redis.ts";
import type { Demand, Verdict } from "./limiter.ts";
import { createRedisLimiter } from "./redis-limiter.ts";

const defineTest = needs(whatRedisNeeds, findRedis());
/** Leases and processes take their time. */
const testOnRedis = (name: string, run: () => Promise<void>) => defineTest(name, run, 30_000);

function demand(figures: Demand["figures"], key = "token:0190"): Demand {
  return { scope: "token", key, figures };
}

async function connect(url: string): Promise<RedisConnection & Disposable> {
  const connection = createRedisConnection({ url, elapsed: () => performance.now(), onTrouble: () => {} });
  expect(await connection.whenUp(5000)).toBe(true);
  return { ...connection, [Symbol.dispose]: connection.close };
}

function countPassed(verdicts: readonly Verdict[]): number {
  return verdicts.filter(({ kind }) => kind === "passed").length;
}

testOnRedis("of 500 calls over three processes, exactly as many pass as may", async () => {
  await using server = await startRedis();
  using one = await connect(server.url);
  using two = await connect(server.url);
  using three = await connect(server.url);
  const limiters = [one, two, three].map((connection, at) =>
    createRedisLimiter({ connection, process: `p${at}`, leaseMs: 60_000 }),
  );
  const demands = [demand({ requestsPerMinute: 100, tokensPerDay: 1_000_000 }), demand({ concurrent: 400 }, "global:")];
  const calls = Array.from({ length: 500 }, (_, at) =>
    limiters[at % 3]?.reserve(`c${at}`, demands, { tokens: 10, optimistic: false }),
  );
  const verdicts = (await Promise.all(calls.map(async (call) => call))).filter((verdict) => verdict !== undefined);
  expect(verdicts).toHaveLength(500);
  expect(countPassed(verdicts)).toBe(100);
});

/** A process that takes all that there is and says so. */
const program = `
const { createRedisConnection } = await import(process.argv[1] + "/../lib/redis-connection.ts");
const { createRedisLimiter } = await import(process.argv[1] + "/redis-limiter.ts");
const connection = createRedisConnection({ url: process.argv[2], elapsed: () => performance.now(), onTrouble: () => {} });
await connection.whenUp(5000);
const limiter = createRedisLimiter({ connection, process: "doomed", leaseMs: 4000 });
const demands = [{ scope: "token", key: "token:0190", figures: { requestsPerMinute: 2, tokensPerDay: 100, concurrent: 2 } }];
for (const id of ["a", "b"]) console.log((await limiter.reserve(id, demands, { tokens: 50, optimistic: false })).kind);
setInterval(() => limiter.beat().catch(() => {}), 100);
`;

testOnRedis("what a killed process held lapses, and nothing before it is dead", async () => {
  await using server = await startRedis();
  using connection = await connect(server.url);
  const limiter = createRedisLimiter({ connection, process: "alive", leaseMs: 4000 });
  const demands = [demand({ requestsPerMinute: 2, tokensPerDay: 100, concurrent: 2 })];
  const reserve = (id: string) => limiter.reserve(id, demands, { tokens: 50, optimistic: false });
  const doomed = Bun.spawn([process.execPath, "-e", program, import.meta.dir, server.url], { stdout: "pipe" });
  let said = "";
  for await (const chunk of doomed.stdout) {
    said += new TextDecoder().decode(chunk);
    if (said === "passed\npassed\n") break;
  }
  for (const end = performance.now() + 4500; performance.now() < end;) {
    await Bun.sleep(60);
    await limiter.beat();
    expect(await reserve("c")).toMatchObject({ kind: "refused" });
  }
  doomed.kill("SIGKILL");
  await doomed.exited;
  while ((await connection.send(["EXISTS", "weir:limits:life:doomed"])) === 1) await Bun.sleep(20);
  await limiter.beat();
  expect(countPassed([await reserve("c"), await reserve("d"), await reserve("e")])).toBe(2);
  expect(await connection.send(["EXISTS", "weir:limits:held:doomed"])).toBe(0);
  expect(await connection.send(["SMEMBERS", "weir:limits:processes"])).toEqual(["alive"]);
});

testOnRedis("who closes gives back what it holds", async () => {
  await using server = await startRedis();
  using connection = await connect(server.url);
  const [one, two] = ["one", "two"].map((process) => createRedisLimiter({ connection, process, leaseMs: 60_000 }));
  const demands = [demand({ concurrent: 1 })];
  const cost = { tokens: 0, optimistic: false };
  expect(await one?.reserve("a", demands, cost)).toMatchObject({ kind: "passed" });
  expect(await two?.reserve("b", demands, cost)).toMatchObject({ kind: "refused" });
  await one?.close();
  expect(await two?.reserve("b", demands, cost)).toMatchObject({ kind: "passed" });
});

testOnRedis(
  "what stands as it was estimated is held no longer, and counts on when its process has closed",
  async () => {
    await using server = await startRedis();
    using connection = await connect(server.url);
    const [one, two] = ["one", "two"].map((process) => createRedisLimiter({ connection, process, leaseMs: 60_000 }));
    const demands = [demand({ requestsPerDay: 3, tokensPerDay: 100 })];
    const cost = { tokens: 40, optimistic: false };
    for (const id of ["a", "b"]) {
      const verdict = await one?.reserve(id, demands, cost);
      if (verdict?.kind !== "passed") throw new Error("It did not pass");
      verdict.hold.ended();
      verdict.hold.settle(undefined);
    }
    await one?.beat();
    expect(await connection.send(["HLEN", "weir:limits:held:one"])).toBe(0);
    await one?.close();
    expect(await two?.reserve("c", demands, cost)).toMatchObject({ kind: "refused", by: { remaining: 20 } });
  },
);

testOnRedis("what couldn't be said while Redis was away is said when it is back", async () => {
  await using server = await startRedis();
  using connection = await connect(server.url);
  let away = false;
  const send: RedisConnection["send"] = (...command) =>
    away ? Promise.reject(new Error("away")) : connection.send(...command);
  const limiter = createRedisLimiter({ connection: { ...connection, send }, process: "p", leaseMs: 60_000 });
  const demands = [demand({ concurrent: 1, tokensPerDay: 100 })];
  const verdict = await limiter.reserve("a", demands, { tokens: 100, optimistic: false });
  away = true;
  if (verdict.kind === "passed") {
    verdict.hold.ended();
    verdict.hold.settle(10);
  }
  await Bun.sleep(5);
  away = false;
  await limiter.beat();
  expect(await limiter.reserve("b", demands, { tokens: 90, optimistic: false })).toMatchObject({ kind: "passed" });
  const held = await connection.send(["HKEYS", "weir:limits:held:p"]);
  expect(Array.isArray(held) && held.map(String).toSorted()).toEqual(["b", "b:c"]);
});

testOnRedis("what was counted though its answer was lost is given back", async () => {
  await using server = await startRedis();
  using connection = await connect(server.url);
  let lost = true;
  const send: RedisConnection["send"] = async (...command) => {
    const reply = await connection.send(...command);
    if (lost) throw new Error("lost");
    return reply;
  };
  const limiter = createRedisLimiter({ connection: { ...connection, send }, process: "p", leaseMs: 60_000 });
  const demands = [demand({ concurrent: 1, requestsPerDay: 1 })];
  const cost = { tokens: 0, optimistic: false };
  await limiter.beat().catch(() => {});
  expect(await limiter.reserve("a", demands, cost).catch(String)).toBe("Error: lost");
  lost = false;
  expect(await limiter.reserve("b", demands, cost)).toMatchObject({ kind: "refused" });
  await limiter.beat();
  expect(await limiter.reserve("c", demands, cost)).toMatchObject({ kind: "passed" });
});

testOnRedis(
  "what passed without an answer is counted once, above the figure too, and ends like any other",
  async () => {
    await using server = await startRedis();
    using connection = await connect(server.url);
    const limiter = createRedisLimiter({ connection, process: "p", leaseMs: 60_000 });
    const demands = [demand({ concurrent: 2, requestsPerDay: 2 })];
    const cost = { tokens: 0, optimistic: false };
    await limiter.beat();
    const holds = ["a", "b", "c"].map((id) => {
      void limiter.reserve(id, demands, cost);
      return limiter.record(id, demands, cost);
    });
    holds.push(limiter.record("d", demands, cost));
    void limiter.reserve("e", demands, cost);
    limiter.withdraw("e");
    await limiter.beat();
    const [count] = z.array(z.string()).parse(await connection.send(["KEYS", "weir:limits:count:*"]));
    expect(await connection.send(["HMGET", count ?? "", "P", "c"])).toEqual(["4", "4"]);
    for (const hold of holds) hold?.giveBack();
    await limiter.beat();
    expect(await connection.send(["HMGET", count ?? "", "P", "c"])).toEqual(["0", "0"]);
  },
);

testOnRedis("nothing in Redis tells who called, and everything there ends by itself", async () => {
  await using server = await startRedis();
  using connection = await connect(server.url);
  const limiter = createRedisLimiter({ connection, process: "p", leaseMs: 60_000 });
  const keys = ["user:alice@example.com", "address:192.0.2.7", "key:sk-canary"];
  const figures = { requestsPerMinute: 5, tokensPerDay: 100, concurrent: 3 };
  await limiter.reserve(
    "a",
    keys.map((key) => demand(figures, key)),
    { tokens: 1, optimistic: false },
  );
  const found = await connection.send(["KEYS", "*"]);
  const names = Array.isArray(found) ? found.map(String) : [];
  expect(names).toHaveLength(keys.length + 3);
  expect(names.filter((name) => !name.startsWith("weir:limits:"))).toEqual([]);
  const contents = await Promise.all(
    names.map(async (name) => [name, await connection.send(["DUMP", name], { bytes: true })].map(String).join(" ")),
  );
  expect(contents.join("\n")).not.toMatch(/alice|192\.0\.2\.7|canary/);
  for (const name of names.filter((each) => each.includes(":count:")))
    expect(Number(await connection.send(["PTTL", name]))).toBeGreaterThan(0);
});

test("a limiter without a connection rejects", async () => {
  const connection = { isUp: () => false, send: () => Promise.reject(new Error("away")) };
  const limiter = createRedisLimiter({ connection, process: "p", leaseMs: 60_000 });
  const reserved = limiter.reserve("a", [demand({ concurrent: 1 })], { tokens: 0, optimistic: false });
  expect(await reserved.catch(String)).toBe("Error: away");
});
