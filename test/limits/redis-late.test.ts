import { describe, expect } from "bun:test";
import { needs } from "../needs.ts";
import { findRedis, startRedis, type TestRedis, whatRedisNeeds } from "../redis.ts";
import { startWeir } from "../weir.ts";
import { ask, openManage } from "./ask.ts";
import { openProvider } from "./provider.ts";
import { envOf } from "./stage.ts";

const run = needs(whatRedisNeeds, findRedis());
const connections = 16;

/** Two programs on one Redis, which many call at once. */
async function openFlood(perMinute: number, more: Readonly<Record<string, string>> = {}) {
  const redis = await startRedis();
  const provider = openProvider();
  const files = { "weir.yaml": `limits: { requests_per_minute: ${perMinute} }` };
  const env = { ...envOf(provider.url), REDIS_URL: redis.url, ...more };
  const first = await startWeir({ env, files });
  const second = await startWeir({ env: { ...env, DATABASE_PATH: `${first.dataDir}/weir.db` }, files });
  const urls = [first.url, second.url];
  const token = await openManage(() => first.url).mint();
  for (const url of urls) await ask(url, { token });
  return {
    redis,
    provider,
    output: () => `${first.output()}\n${second.output()}`,
    /** Calls both for so long with all connections; what was told, by how often. */
    async flood(milliseconds: number): Promise<Readonly<Record<string, number>>> {
      const counts: Record<string, number> = {};
      const end = performance.now() + milliseconds;
      const call = async (url: string) => {
        while (performance.now() < end) {
          const { told } = await ask(url, { token });
          counts[told] = (counts[told] ?? 0) + 1;
        }
      };
      await Promise.all(urls.flatMap((url) => Array.from({ length: connections }, () => call(url))));
      return counts;
    },
    async [Symbol.asyncDispose]() {
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
}

/** Holds Redis up again and again until it is disposed of. */
function holdUp(
  redis: TestRedis,
  leastMs: number,
  mostMs: number,
): AsyncDisposable & { readonly hasHeldForLong: () => boolean } {
  let goesOn = true;
  let longestMs = 0;
  const done = (async () => {
    while (goesOn) {
      await Bun.sleep(Math.random() * 60);
      const since = performance.now();
      redis.freeze();
      await Bun.sleep(leastMs + Math.random() * (mostMs - leastMs));
      redis.thaw();
      longestMs = Math.max(longestMs, performance.now() - since);
    }
  })();
  return {
    // A machine that is busy does so for longer than it is told to, and than it may take for a Redis that is there.
    hasHeldForLong: () => longestMs > mostMs + 60,
    async [Symbol.asyncDispose]() {
      goesOn = false;
      await done;
    },
  };
}

/** A flood while Redis is held up for moments; once more where a busy machine held it up for longer than moments. */
async function floodHeldUp(
  { perMinute, env = {} }: { readonly perMinute: number; readonly env?: Readonly<Record<string, string>> },
  { mostMs, floodMs }: { readonly mostMs: number; readonly floodMs: number },
) {
  for (let tries = 1; ; tries += 1) {
    await using stage = await openFlood(perMinute, env);
    await using holding = holdUp(stage.redis, 10, mostMs);
    const counts = await stage.flood(floodMs);
    if (tries < 4 && holding.hasHeldForLong()) continue;
    return { counts, passed: stage.provider.reached.length, output: stage.output() };
  }
}

describe("a Redis that is held up for moments, and two processes that many call at once", () => {
  run(
    "the limit that they share holds",
    async () => {
      const { counts, passed, output } = await floodHeldUp({ perMinute: 100 }, { mostMs: 30, floodMs: 5000 });
      // What one process let through in a moment before the other had heard of it.
      expect(passed).toBeLessThanOrEqual(100 + 2 * connections);
      expect(passed).toBeGreaterThanOrEqual(100);
      expect(Object.keys(counts).toSorted()).toEqual(["200", "429 rate_limit_exceeded"]);
      // A late answer is not the end of it.
      expect(output).not.toContain("Redis does not answer");
    },
    180_000,
  );

  run(
    "nobody is refused for it with LIMITS_ON_FAILURE=closed",
    async () => {
      const env = { LIMITS_ON_FAILURE: "closed" };
      const { counts } = await floodHeldUp({ perMinute: 10_000_000, env }, { mostMs: 90, floodMs: 4000 });
      expect(Object.keys(counts)).toEqual(["200"]);
    },
    180_000,
  );
});
