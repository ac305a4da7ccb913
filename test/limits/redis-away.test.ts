import { describe, expect } from "bun:test";
import { z } from "zod";
import { needs } from "../needs.ts";
import { findRedis, startRedis, whatRedisNeeds } from "../redis.ts";
import { startWeir, waitFor, type Weir } from "../weir.ts";
import { ask, askInTurn, openManage } from "./ask.ts";
import { openProvider } from "./provider.ts";
import { envOf } from "./stage.ts";

const limited = "429 rate_limit_exceeded";
const run = needs(whatRedisNeeds, findRedis());

async function openAway(env: Readonly<Record<string, string>>, perMinute = 10) {
  const redis = await startRedis();
  const provider = openProvider();
  const files = { "weir.yaml": `limits: { requests_per_minute: ${perMinute} }` };
  const first = await startWeir({ env: { ...envOf(provider.url), REDIS_URL: redis.url, ...env }, files });
  const database = { DATABASE_PATH: `${first.dataDir}/weir.db` };
  const second = await startWeir({ env: { ...envOf(provider.url), REDIS_URL: redis.url, ...env, ...database }, files });
  const weirs: readonly Weir[] = [first, second];
  const token = await openManage(() => first.url).mint();
  const told = (at: number, count: number) => askInTurn(count, () => ask(weirs[at]?.url ?? "", { token }));
  return {
    redis,
    provider,
    told,
    urls: weirs.map(({ url }) => url),
    token,
    async [Symbol.asyncDispose]() {
      for (const weir of weirs) await weir[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
}

const countOf = (told: readonly string[], what: string) => told.filter((each) => each === what).length;

for (const way of ["kill", "freeze"] as const) {
  const away = way === "kill" ? "is stopped" : "answers nobody";

  run(
    `while Redis ${away}, each process keeps its own count, and they share one again when it is back`,
    async () => {
      await using stage = await openAway({});
      expect([...(await stage.told(0, 6)), ...(await stage.told(1, 6))].filter((told) => told === "200").length).toBe(
        10,
      );
      await stage.redis[way]();
      for (const at of [0, 1]) {
        const told = await stage.told(at, 25);
        expect(new Set(told)).toEqual(new Set(countOf(told, "200") === 0 ? [limited] : ["200", limited]));
        expect(countOf(told, "200")).toBeLessThanOrEqual(10);
      }
      await (way === "kill" ? stage.redis.restart() : stage.redis.thaw());
      if (way === "freeze") return;
      // It comes back empty: together they may take ten again, though each is full by its own count.
      await waitFor(
        async () => ([...(await stage.told(0, 1)), ...(await stage.told(1, 1))].includes("200") ? true : undefined),
        "It isn't used again",
      );
      const told = [...(await stage.told(0, 12)), ...(await stage.told(1, 12))];
      expect(countOf(told, "200")).toBeLessThanOrEqual(9);
      expect(countOf(told, limited)).toBeGreaterThanOrEqual(15);
    },
    90_000,
  );

  run(
    `while Redis ${away}, everybody passes with LIMITS_ON_FAILURE=open`,
    async () => {
      await using stage = await openAway({ LIMITS_ON_FAILURE: "open" });
      expect(countOf(await stage.told(0, 12), "200")).toBe(10);
      await stage.redis[way]();
      expect(await stage.told(0, 30)).toEqual(Array.from({ length: 30 }, () => "200"));
      stage.redis.thaw();
    },
    60_000,
  );

  run(
    `while Redis ${away}, nobody passes with LIMITS_ON_FAILURE=closed, and health says why`,
    async () => {
      await using stage = await openAway({ LIMITS_ON_FAILURE: "closed" });
      expect(countOf(await stage.told(0, 3), "200")).toBe(3);
      const health = async () =>
        z.record(z.string(), z.unknown()).parse(await (await fetch(`${stage.urls[0]}/health`)).json());
      expect((await health())["status"]).toBe("ok");
      await stage.redis[way]();
      expect(new Set(await stage.told(0, 5))).toEqual(new Set(["503 dependency_unavailable"]));
      const told = await waitFor(
        async () => ((await health())["status"] === "degraded" ? JSON.stringify(await health()) : undefined),
        "Health doesn't show it",
      );
      expect(told).toMatch(/redis|limits/i);
      expect(told).not.toContain(stage.redis.url);
      if (way === "kill") await stage.redis.restart();
      else stage.redis.thaw();
      await waitFor(async () => (await stage.told(0, 1))[0] === "200" || undefined, "It isn't used again");
    },
    90_000,
  );

  run(
    `while Redis ${away}, a call waits hardly longer for it`,
    async () => {
      await using stage = await openAway({}, 1_000_000);
      await using plain = await startWeir({ env: envOf(stage.provider.url) });
      const token = await openManage(() => plain.url).mint();
      await stage.told(0, 20);
      await stage.redis[way]();
      const first = await timed(() => ask(stage.urls[0] ?? "", { token: stage.token }));
      const [withoutIt, withIt]: [number[], number[]] = [[], []];
      for (let each = 0; each < 200; each += 1) {
        withIt.push(await timed(() => ask(stage.urls[0] ?? "", { token: stage.token })));
        withoutIt.push(await timed(() => ask(plain.url, { token })));
      }
      stage.redis.thaw();
      expect(first).toBeLessThan(3000);
      expect(median(withIt)).toBeLessThan(5 + 3 * median(withoutIt));
    },
    90_000,
  );
}

run(
  "a Redis that isn't there yet at the start keeps no program from starting",
  async () => {
    await using provider = openProvider();
    const redis = await startRedis();
    await redis.kill();
    await using weir = await startWeir({
      env: { ...envOf(provider.url), REDIS_URL: redis.url },
      files: { "weir.yaml": "limits: { requests_per_minute: 3 }" },
    });
    const token = await openManage(() => weir.url).mint();
    const told = await askInTurn(5, () => ask(weir.url, { token }));
    expect(told).toEqual(["200", "200", "200", limited, limited]);
    await redis.restart();
    await waitFor(async () => {
      const client = new Bun.RedisClient(redis.url);
      await ask(weir.url, { token });
      const keys = await client.keys("*");
      client.close();
      return keys.length > 0 || undefined;
    }, "It isn't used when it is there");
    await redis[Symbol.asyncDispose]();
  },
  90_000,
);

async function timed(one: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await one();
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

describe("one process, which has let a minute's calls through", () => {
  async function openFull() {
    const redis = await startRedis();
    const provider = openProvider();
    const env = { ...envOf(provider.url), REDIS_URL: redis.url };
    const weir = await startWeir({ env, files: { "weir.yaml": "limits: { requests_per_minute: 10 }" } });
    const token = await openManage(() => weir.url).mint();
    const call = () => ask(weir.url, { token });
    expect(countOf(await askInTurn(12, call), "200")).toBe(10);
    return {
      redis,
      weir,
      call,
      async [Symbol.asyncDispose]() {
        await weir[Symbol.asyncDispose]();
        await provider[Symbol.asyncDispose]();
        await redis[Symbol.asyncDispose]();
      },
    };
  }

  run(
    "lets no more through because it was busy for a moment, while Redis was there",
    async () => {
      await using stage = await openFull();
      for (let each = 0; each < 20; each += 1) {
        const call = stage.call();
        await Bun.sleep(each % 4);
        stage.weir.signal("SIGSTOP");
        await Bun.sleep(40);
        stage.weir.signal("SIGCONT");
        expect((await call).told).toBe(limited);
      }
    },
    30_000,
  );

  run(
    "lets no more through when Redis goes away: its own count has them",
    async () => {
      await using stage = await openFull();
      stage.redis.freeze();
      expect(new Set(await askInTurn(10, stage.call))).toEqual(new Set([limited]));
      stage.redis.thaw();
      expect(new Set(await askInTurn(10, stage.call))).toEqual(new Set([limited]));
    },
    30_000,
  );
});
