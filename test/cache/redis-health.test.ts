import { expect } from "bun:test";
import { z } from "zod";
import { needs } from "../needs.ts";
import { findRedis, startRedis, whatRedisNeeds } from "../redis.ts";
import { startWeir, waitFor } from "../weir.ts";

const health = z.looseObject({
  cache: z.object({ backend: z.string(), status: z.string() }).optional(),
  limits: z.unknown().optional(),
});

needs(whatRedisNeeds, findRedis())(
  "health says whether the cache's Redis is there, before anybody has missed it",
  async () => {
    await using redis = await startRedis();
    const cached = { HTTP_CACHE_ENABLED: "true", HTTP_CACHE_BACKEND: "redis", REDIS_CACHE_URL: redis.url };
    await using weir = await startWeir({ env: cached });
    const read = async () => health.parse(await (await fetch(`${weir.url}/health`)).json());
    const shows = async (status: string) =>
      waitFor(async () => (await read()).cache?.status === status || undefined, `It is never ${status}`, 10_000);
    await shows("ok");
    await redis.kill();
    await shows("unreachable");
    const { limits, cache, ...rest } = await read();
    expect([limits, cache, rest["status"]]).toEqual([
      undefined,
      { backend: "redis", status: "unreachable" },
      "degraded",
    ]);
    await redis.restart();
    await shows("ok");

    await using plain = await startWeir({ env: { HTTP_CACHE_ENABLED: "true" } });
    expect(health.parse(await (await fetch(`${plain.url}/health`)).json()).cache).toBeUndefined();
  },
  60_000,
);
