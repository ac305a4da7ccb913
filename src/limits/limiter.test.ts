import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LimitFigures, LimitScope } from "../domain/limits.ts";
import { createRedisConnection, type RedisConnection } from "../lib/redis-connection.ts";
import { needs } from "../../test/needs.ts";
import { findRedis, startRedis, type TestRedis, whatRedisNeeds } from "../../test/redis.ts";
import { dayMs, type Demand, type Hold, type Limiter, type Verdict } from "./limiter.ts";
import { createMemoryLimiter } from "./memory-limiter.ts";
import { createRedisLimiter } from "./redis-limiter.ts";

type TestLimiter = Limiter & {
  /** Says everything of holds that is still to be said. */
  readonly settled: () => Promise<void>;
};
type MakeLimiter = (now: () => number) => TestLimiter;
type LimiterTest = ReturnType<typeof needs>;

/** The first second of a UTC day. */
const midnight = 20_000 * dayMs;

describe("in memory", () => {
  suite(test, (now) => ({ ...createMemoryLimiter({ now }), settled: () => Promise.resolve() }));
});

describe("in Redis", () => {
  let server: TestRedis;
  let connection: RedisConnection;
  beforeAll(async () => {
    if (!findRedis()) return;
    server = await startRedis();
    connection = createRedisConnection({ url: server.url, elapsed: () => performance.now(), onTrouble: () => {} });
    await connection.whenUp(5000);
  });
  afterAll(async () => {
    connection?.close();
    await server?.[Symbol.asyncDispose]();
  });

  suite(needs(whatRedisNeeds, findRedis()), (now) => {
    const limiter = createRedisLimiter({ connection, process: crypto.randomUUID(), leaseMs: 60_000, now });
    // Commands are answered in their order, so what was said before is done.
    return { ...limiter, settled: () => limiter.beat() };
  });
});

function suite(limiterTest: LimiterTest, makeLimiter: MakeLimiter): void {
  limiterTest("a minute slides: what was counted at its end counts after it, and goes a minute later", async () => {
    const { at, take } = setUp(makeLimiter, { requestsPerMinute: 3 });
    at(59_900);
    expect(await take()).toBe("passed");
    expect(await take()).toBe("passed");
    at(60_100);
    expect(await take()).toBe("passed");
    expect(await take()).toMatchObject({
      metric: "requests",
      window: "minute",
      limit: 3,
      remaining: 0,
      resetMs: 59_900,
    });
    at(119_999);
    expect(await take()).toMatchObject({ resetMs: 1 });
    at(120_000);
    expect(await take()).toBe("passed");
    expect(await take()).toBe("passed");
    expect(await take()).toMatchObject({ resetMs: 1000 });
  });

  limiterTest("never more than the figure passes in any minute, and all is free again a second later", async () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 40_000 }), calls: fc.integer({ min: 1, max: 4 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: 1, max: 5 }), async (steps, limit) => {
        const { at, take } = setUp(makeLimiter, { requestsPerMinute: limit });
        const passed: number[] = [];
        let now = 0;
        for (const { wait, calls } of steps) {
          at((now += wait));
          for (let call = 0; call < calls; call += 1) {
            const within = (length: number) => passed.filter((time) => time > now - length).length;
            const outcome = await take();
            if (within(60_000) >= limit) expect(outcome).toMatchObject({ limit });
            if (outcome !== "passed") expect(outcome).toMatchObject({ resetMs: findReset(passed, limit) - now });
            if (within(61_000) < limit) expect(outcome).toBe("passed");
            if (outcome === "passed") passed.push(now);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  limiterTest("tokens are counted as a plain model counts them, however they are settled", async () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 30_000 }),
      tokens: fc.integer({ min: 1, max: 60 }),
      real: fc.integer({ min: 0, max: 90 }),
      end: fc.constantFrom("settle", "stand", "giveBack", "nothing"),
      late: fc.integer({ min: 0, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { at, reserve, limiter } = setUp(makeLimiter, { tokensPerMinute: 100 });
        const counted: { second: number; tokens: number }[] = [];
        const ends: { due: number; end: () => void }[] = [];
        let now = 0;
        for (const [index, { wait, tokens, real, end, late }] of steps.entries()) {
          at((now += wait));
          for (const { due, end: finish } of ends) if (due === index) finish();
          await limiter.settled();
          const second = Math.floor(now / 1000);
          const sum = counted.filter((one) => second - one.second <= 60).reduce((all, one) => all + one.tokens, 0);
          const verdict = await reserve({ tokens });
          expect(verdict.kind).toBe(sum + tokens <= 100 ? "passed" : "refused");
          if (verdict.kind !== "passed") continue;
          const one = { second, tokens };
          counted.push(one);
          const finish = () => {
            if (end === "settle") one.tokens = real;
            if (end === "giveBack") one.tokens = 0;
            if (end === "settle") verdict.hold.settle(real);
            if (end === "stand") verdict.hold.settle(undefined);
            if (end === "giveBack") verdict.hold.giveBack();
          };
          ends.push({ due: index + 1 + late, end: finish });
        }
      }),
      { numRuns: 40 },
    );
  });

  limiterTest("a day is one of UTC's", async () => {
    const { at, take } = setUp(makeLimiter, { requestsPerDay: 2 }, midnight);
    at(23 * 3_600_000 + 3_599_000);
    expect(await take()).toBe("passed");
    expect(await take()).toBe("passed");
    expect(await take()).toMatchObject({ window: "day", limit: 2, remaining: 0, resetMs: 1000 });
    at(dayMs);
    expect(await take()).toBe("passed");
  });

  limiterTest("what is settled after midnight is of the day before", async () => {
    const { at, reserve, take, limiter } = setUp(makeLimiter, { tokensPerDay: 100 }, midnight);
    at(dayMs - 1);
    const hold = holdOf(await reserve({ tokens: 50 }));
    at(dayMs);
    expect(await take({ tokens: 60 })).toBe("passed");
    hold.settle(0);
    await limiter.settled();
    expect(await take({ tokens: 41 })).toMatchObject({ remaining: 40 });
    expect(await take({ tokens: 40 })).toBe("passed");
  });

  limiterTest("what is settled when its minute has gone changes nothing", async () => {
    const { at, reserve, take, limiter } = setUp(makeLimiter, { tokensPerMinute: 100 });
    const hold = holdOf(await reserve({ tokens: 50 }));
    at(64_000);
    expect(await take({ tokens: 70 })).toBe("passed");
    hold.settle(0);
    await limiter.settled();
    expect(await take({ tokens: 31 })).toMatchObject({ remaining: 30 });
  });

  limiterTest("it is settled up and down in the second that it was reserved in", async () => {
    const { at, reserve, take, limiter } = setUp(makeLimiter, { tokensPerMinute: 100, tokensPerDay: 1000 });
    const [up, down] = [holdOf(await reserve({ tokens: 10 })), holdOf(await reserve({ tokens: 60 }))];
    at(30_000);
    up.settle(40);
    down.settle(20);
    await limiter.settled();
    expect(await take({ tokens: 41 })).toMatchObject({ remaining: 40, resetMs: 31_000 });
    at(61_000);
    expect(await take({ tokens: 100 })).toBe("passed");
    expect(await take({ tokens: 1000 })).toMatchObject({ window: "day", remaining: 1000 - 160 });
  });

  limiterTest("a call passes every scope or takes from none", async () => {
    const { reserve, use } = setUp(makeLimiter, {});
    const wide = use("global", { requestsPerMinute: 10, tokensPerMinute: 1000, concurrent: 5, requestsPerDay: 9 });
    const narrow = use("token", { requestsPerMinute: 1 });
    holdOf(await reserve({ demands: [wide, narrow] }));
    for (let call = 0; call < 10; call += 1)
      expect(await reserve({ demands: [wide, narrow] })).toMatchObject({ kind: "refused", by: { scope: "token" } });
    expect(await reserve({ demands: [wide] })).toMatchObject({ kind: "passed", tightest: { remaining: 3, limit: 5 } });
    const calls = await Promise.all(Array.from({ length: 3 }, () => reserve({ demands: [wide] })));
    expect(calls.map(({ kind }) => kind)).toEqual(["passed", "passed", "passed"]);
  });

  limiterTest("of what refuses a call, the longest is told", async () => {
    const { at, reserve, use } = setUp(makeLimiter, {}, midnight);
    const demands = [use("token", { requestsPerMinute: 1, concurrent: 1 }), use("user", { requestsPerDay: 1 })];
    holdOf(await reserve({ demands }));
    at(1000);
    expect(await reserve({ demands })).toMatchObject({
      by: { scope: "user", metric: "requests", window: "day", resetMs: dayMs - 1000 },
    });
    at(dayMs);
    expect(await reserve({ demands })).toMatchObject({ by: { scope: "token", metric: "concurrent", window: "now" } });
  });

  limiterTest("of what passed, the figure with the least share left is told", async () => {
    const { reserve, use } = setUp(makeLimiter, {});
    const demands = [use("global", { requestsPerMinute: 4 }), use("user", { tokensPerMinute: 100 })];
    expect(await reserve({ demands, tokens: 10 })).toMatchObject({
      tightest: { scope: "global", metric: "requests", window: "minute", limit: 4, remaining: 3, resetMs: 61_000 },
    });
    expect(await reserve({ demands, tokens: 60 })).toMatchObject({
      tightest: { scope: "user", metric: "tokens", limit: 100, remaining: 30 },
    });
  });

  limiterTest("a place is free when its call has ended, once, and nothing else is given back with it", async () => {
    const { reserve, take, limiter } = setUp(makeLimiter, { concurrent: 2, requestsPerMinute: 4 });
    const [first, second] = [holdOf(await reserve()), holdOf(await reserve())];
    expect(await take()).toMatchObject({ metric: "concurrent", window: "now", limit: 2, remaining: 0 });
    first.ended();
    first.ended();
    await limiter.settled();
    expect(await take()).toBe("passed");
    expect(await take()).toMatchObject({ metric: "concurrent" });
    second.giveBack();
    second.ended();
    second.settle(5);
    await limiter.settled();
    expect(await take()).toBe("passed");
    expect(await take()).toMatchObject({ metric: "concurrent" });
  });

  limiterTest("what is given back can be taken again", async () => {
    const figures = { requestsPerMinute: 1, tokensPerMinute: 10, requestsPerDay: 1, tokensPerDay: 10 };
    const { reserve, take, limiter } = setUp(makeLimiter, figures);
    const hold = holdOf(await reserve({ tokens: 10 }));
    expect(await take({ tokens: 1 })).toMatchObject({ remaining: 0 });
    hold.giveBack();
    hold.giveBack();
    await limiter.settled();
    expect(await take({ tokens: 10 })).toBe("passed");
    expect(await take({ tokens: 1 })).toMatchObject({ remaining: 0 });
  });

  limiterTest("what stands as it was estimated can't be given back any more", async () => {
    const { reserve, take, limiter } = setUp(makeLimiter, { requestsPerDay: 2, tokensPerMinute: 10, concurrent: 1 });
    const hold = holdOf(await reserve({ tokens: 6 }));
    hold.settle(undefined);
    hold.giveBack();
    await limiter.settled();
    expect(await take({ tokens: 5 })).toMatchObject({ metric: "tokens", remaining: 4 });
    expect(await take({ tokens: 4 })).toBe("passed");
    expect(await take()).toMatchObject({ metric: "requests", remaining: 0 });
  });

  limiterTest("of fifty that each overfill an untouched window, exactly one passes", async () => {
    const { reserve } = setUp(makeLimiter, { tokensPerMinute: 100 });
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => reserve({ tokens: 5000, optimistic: true })));
    expect(verdicts.filter(({ kind }) => kind === "passed")).toHaveLength(1);
  });

  limiterTest(
    "what isn't optimistic never overfills a window, and what is does so in an untouched one alone",
    async () => {
      const { at, take } = setUp(makeLimiter, { tokensPerMinute: 100 });
      expect(await take({ tokens: 101 })).toMatchObject({ remaining: 100, limit: 100 });
      expect(await take({ tokens: 1 })).toBe("passed");
      expect(await take({ tokens: 101, optimistic: true })).toMatchObject({ remaining: 99, resetMs: 61_000 });
      at(61_000);
      expect(await take({ tokens: 101, optimistic: true })).toBe("passed");
      expect(await take({ tokens: 1 })).toMatchObject({ remaining: 0 });
    },
  );

  limiterTest("a clock that goes back a little forgets nothing", async () => {
    const { at, take } = setUp(makeLimiter, { requestsPerMinute: 1 });
    at(30_000);
    expect(await take()).toBe("passed");
    at(20_000);
    expect(await take()).toMatchObject({ remaining: 0, resetMs: 71_000 });
    at(-3_600_000);
    expect(await take()).toBe("passed");
  });
}

/** When one more passes: when of those that passed at these times one less than the limit is left. */
function findReset(passed: readonly number[], limit: number): number {
  return (Math.floor((passed.at(-limit) ?? 0) / 1000) + 61) * 1000;
}

/** A limiter at a time of the test's own, and counters that nobody else has. */
function setUp(makeLimiter: MakeLimiter, figures: LimitFigures, begin = midnight + 3_600_000) {
  let now = begin;
  const limiter = makeLimiter(() => now);
  const use = (scope: LimitScope, those: LimitFigures): Demand => ({
    scope,
    key: `${scope}:${crypto.randomUUID()}`,
    figures: those,
  });
  const usual = [use("token", figures)];
  const reserve = async ({ tokens = 0, optimistic = false, demands = usual } = {}): Promise<Verdict> =>
    limiter.reserve(crypto.randomUUID(), demands, { tokens, optimistic });
  return {
    limiter,
    use,
    reserve,
    at: (milliseconds: number) => {
      now = begin + milliseconds;
    },
    /** `passed`, or what refused it. */
    take: async (call: Parameters<typeof reserve>[0] = {}) => {
      const verdict = await reserve(call);
      return verdict.kind === "refused" ? verdict.by : verdict.kind;
    },
  };
}

function holdOf(verdict: Verdict): Hold {
  if (verdict.kind !== "passed") throw new Error(`It is ${JSON.stringify(verdict)}`);
  return verdict.hold;
}
