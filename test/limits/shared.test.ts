import { describe, expect, test } from "bun:test";
import { needs } from "../needs.ts";
import { findRedis, startRedis, whatRedisNeeds } from "../redis.ts";
import { startWeir, waitFor, type Weir } from "../weir.ts";
import { ask, askAtOnce, type Asked, openManage } from "./ask.ts";
import { openProvider } from "./provider.ts";
import { envOf } from "./stage.ts";

const limited = "429 rate_limit_exceeded";
const run = needs(whatRedisNeeds, findRedis());

/** Several programs with one Redis and one database, before one provider. */
async function openShared(yaml: string, count = 3) {
  const redis = await startRedis();
  const provider = openProvider();
  const first = await startWeir({
    env: { ...envOf(provider.url), REDIS_URL: redis.url },
    files: { "weir.yaml": yaml },
  });
  const env = { ...envOf(provider.url), REDIS_URL: redis.url, DATABASE_PATH: `${first.dataDir}/weir.db` };
  const more = Array.from({ length: count - 1 }, () => startWeir({ env, files: { "weir.yaml": yaml } }));
  const weirs: readonly Weir[] = [first, ...(await Promise.all(more))];
  const find = (at: number) => {
    const weir = weirs[at % count];
    if (weir === undefined) throw new Error("There is no such process");
    return weir;
  };
  const countTimesAway = () => weirs.map((weir) => weir.output().split("Redis does not answer").length - 1).join();
  return {
    redis,
    provider,
    weirs,
    find,
    /**
     * Does something, again where one of them has gone without Redis meanwhile: each then counts by itself, as it does where a
     * machine is held up for long.
     */
    async undisturbed<T>(work: () => Promise<T>): Promise<T> {
      for (let tries = 1; ; tries += 1) {
        const before = countTimesAway();
        const result = await work();
        if (countTimesAway() === before || tries === 5) return result;
      }
    },
    ...openManage(() => first.url),
    ask: (at: number, asked: Asked) => ask(find(at).url, asked),
    async [Symbol.asyncDispose]() {
      for (const weir of weirs) await weir[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
}

/** Redis has a clock of its own, which no test can move. */
const runForAMinute: typeof run = (name, work, limit) =>
  process.env["WEIR_LONG"] === "1"
    ? run(name, work, limit)
    : test.skip(`${name} (skipped: long: set WEIR_LONG=1)`, work);

describe("several processes on one Redis", () => {
  runForAMinute(
    "let the minute slide",
    async () => {
      await using shared = await openShared("limits: { requests_per_minute: 4 }", 2);
      const token = await shared.mint();
      const passed: number[] = [];
      const started = performance.now();
      let early: number | undefined;
      while (performance.now() - started < 75_000) {
        const { told, limit } = await shared.ask(passed.length, { token });
        const now = performance.now() - started;
        if (told === "200") passed.push(now);
        else early ??= now + 1000 * (limit.retryAfter ?? 0);
        // Two at once, and two a while later.
        await Bun.sleep(passed.length === 2 ? 8000 : 250);
      }
      const [first = 0, , third = 0, , fifth = 0, sixth = 0, seventh = 0] = passed;
      expect(fifth - first).toBeGreaterThan(59_900);
      expect(fifth - first).toBeLessThan(62_500);
      expect(sixth - first).toBeLessThan(62_500);
      expect(seventh - third).toBeGreaterThan(59_900);
      expect(Math.abs((early ?? 0) - fifth)).toBeLessThan(2500);
    },
    100_000,
  );

  run(
    "let exactly 100 of 500 calls upstream where 100 may pass in a minute",
    async () => {
      await using shared = await openShared("limits: { requests_per_minute: 100 }");
      const { counts, reached } = await shared.undisturbed(async () => {
        const before = shared.provider.reached.length;
        const token = await shared.mint();
        // Each process learns of the token first, so that all of them count at once.
        const told = await askAtOnce(500, (at) => shared.ask(at, { token }));
        return { counts: told, reached: shared.provider.reached.length - before };
      });
      expect(counts).toEqual({ "200": 100, [limited]: 400 });
      expect(reached).toBe(100);
    },
    60_000,
  );

  run(
    "count LLM tokens, the whole and places together",
    async () => {
      await using shared = await openShared(
        "limits: { tokens_per_minute: 1000, optimistic_first: false, global: { requests_per_minute: 60 } }",
        2,
      );
      const one: Asked = { text: "H", maxTokens: 39, plan: { input: 1, output: 39 } };
      const tokens = [await shared.mint(), await shared.mint(), await shared.mint()];
      const of = (token: number) => ({ ...one, token: tokens[token] ?? "" });
      expect((await askAtOnce(100, (at) => shared.ask(at, of(0))))["200"]).toBe(25);
      expect((await askAtOnce(200, (at) => shared.ask(at, of(1 + (at % 4 < 2 ? 0 : 1)))))["200"]).toBe(35);
    },
    60_000,
  );

  run(
    "let one of a crowd pass first that is larger than the window",
    async () => {
      await using shared = await openShared("limits: { tokens_per_minute: 100 }");
      const told = await shared.undisturbed(async () => {
        const asked: Asked = { token: await shared.mint(), maxTokens: 500, plan: { input: 1, output: 500 } };
        return askAtOnce(60, (at) => shared.ask(at, asked));
      });
      expect(told).toEqual({ "200": 1, [limited]: 59 });
    },
    60_000,
  );

  run(
    "settle what one has reserved for all",
    async () => {
      await using shared = await openShared("limits: { tokens_per_minute: 1000, optimistic_first: false }", 2);
      const token = await shared.mint();
      const held = shared.ask(0, { token, text: "H", maxTokens: 899, plan: { input: 50, output: 50, hold: "a" } });
      await waitFor(() => shared.provider.reached.length > 0 || undefined, "It does not arrive");
      const second: Asked = { token, text: "H", maxTokens: 799, plan: { input: 1, output: 1 } };
      expect(await shared.undisturbed(async () => (await shared.ask(1, second)).told)).toBe(limited);
      shared.provider.release("a");
      expect((await held).told).toBe("200");
      await waitFor(async () => (await shared.ask(1, second)).told === "200" || undefined, "It isn't settled");
    },
    60_000,
  );

  run(
    "give back what a process that was killed had reserved",
    async () => {
      await using shared = await openShared(
        "limits: { concurrent: 2, tokens_per_day: 1000, optimistic_first: false }",
        2,
      );
      const token = await shared.mint();
      const one: Asked = { token, text: "H", maxTokens: 449, plan: { input: 1, output: 1 } };
      const held = [1, 2].map(() => shared.ask(0, { ...one, plan: { hold: "never" } }).catch(() => undefined));
      await waitFor(() => shared.provider.reached.length > 1 || undefined, "They do not arrive");
      expect(await shared.undisturbed(async () => (await shared.ask(1, one)).status)).toBe(429);
      await shared.find(0).kill();
      await Promise.all(held);
      await waitFor(async () => (await shared.ask(1, one)).told === "200" || undefined, "It stays reserved", 75_000);
    },
    100_000,
  );

  run(
    "count a call on whose usage nobody learns, and that beyond the end of its process",
    async () => {
      using silent = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
      await using shared = await openShared(
        `limits: { requests_per_day: 3 }
providers: { silent: { base_url: "${silent.url.origin}", dialect: openai } }`,
        2,
      );
      const token = await shared.mint({}, { provider_keys: { silent: "sk-up-silent-0123456789" } });
      const asked: Asked = { token, target: "/silent/v1/chat/completions" };
      for (let each = 0; each < 2; each += 1) expect((await shared.ask(0, asked)).told).toBe("200");
      const client = new Bun.RedisClient(shared.redis.url);
      const countHeld = async () => {
        const names = await client.keys("weir:limits:held:*");
        const sizes = await Promise.all(names.map(async (name) => Object.keys(await client.hgetall(name)).length));
        return sizes.reduce((sum, size) => sum + size, 0);
      };
      await waitFor(async () => (await countHeld()) === 0 || undefined, "They are held on");
      client.close();
      await shared.find(0).stop();
      expect((await shared.ask(1, asked)).told).toBe("200");
      expect((await shared.ask(1, asked)).told).toBe(limited);
    },
    60_000,
  );

  run(
    "hold no key, no token and no user in Redis as it is",
    async () => {
      await using shared = await openShared(
        "limits: { requests_per_minute: 9, overrides: { user: { '*': { requests_per_minute: 8 } } } }",
        1,
      );
      const secrets = { key: "sk-own-SECRET-0123456789", token: await shared.mint(), user: "alice.smith@example.com" };
      await shared.ask(0, { key: secrets.key, user: secrets.user });
      await shared.ask(0, { token: secrets.token, user: secrets.user });
      const client = new Bun.RedisClient(shared.redis.url);
      const keys = await client.keys("*");
      const types = await Promise.all(keys.map((key) => client.type(key)));
      const hashes = keys.filter((_, at) => types[at] === "hash");
      const texts = [
        ...keys,
        ...(await Promise.all(hashes.map(async (key) => JSON.stringify(await client.hgetall(key))))),
      ];
      // No count stays there for ever.
      const ages = await Promise.all(keys.filter((key) => key.includes(":count:")).map((key) => client.ttl(key)));
      client.close();
      expect(ages.length).toBeGreaterThan(2);
      for (const secret of Object.values(secrets)) expect(texts.join("\n")).not.toContain(secret);
      expect(ages.filter((age) => age === -1)).toEqual([]);
    },
    60_000,
  );
});
