import { expect, test } from "bun:test";
import { readCache } from "./read-cache.ts";
import { createLookup } from "./lookup.ts";
import { createReport } from "./report.ts";

function read(env: Record<string, string>, yaml: Record<string, unknown> = {}, redis?: string) {
  const report = createReport();
  const cache = readCache(createLookup({ env, yaml }), redis, report);
  return { cache, faults: report.faults, warnings: report.warnings };
}

test("nothing is kept by itself", () => {
  const { cache, faults } = read({});
  expect(faults).toEqual([]);
  expect(cache).toEqual({
    enabled: false,
    defaultTtlSeconds: 300,
    maxObjectBytes: 1_048_576,
    maxBytes: 268_435_456,
    streams: false,
    replayTiming: false,
    singleFlight: true,
    rules: [],
  });
});

test("a plain age is in seconds, and a rule is for GET and POST unless it says so", () => {
  const rules = [{ path: "/v1/models/*" }, { path: "/v1/embeddings", methods: ["post"], ttl: "1h30m", shared: true }];
  const { cache, faults } = read({ HTTP_CACHE_DEFAULT_TTL: "60" }, { cache: { rules } });
  expect([faults, cache.defaultTtlSeconds]).toEqual([[], 60]);
  expect(cache.rules).toEqual([
    { path: "/v1/models/*", methods: ["GET", "POST"], shared: false },
    { path: "/v1/embeddings", methods: ["POST"], ttlSeconds: 5400, shared: true },
  ]);
  expect(read({ HTTP_CACHE_DEFAULT_TTL: "5m" }).cache.defaultTtlSeconds).toBe(300);
});

test("a rule that can't be right is told with its place", () => {
  const rules = [
    { path: "v1" },
    { path: "/v1", methods: ["PUT"] },
    { path: "/v1", ttl: "soon" },
    { path: "/v1", tll: 5 },
    5,
  ];
  const { faults } = read({}, { cache: { rules } });
  expect(faults.length).toBe(5);
  expect(faults[3]).toBe("cache.rules[3].tll is not a setting of this build; it may have path, methods, ttl, shared");
});

test("what changes nothing, or leaves no room, is warned of", () => {
  const rules = [{ path: "/v1/models" }];
  expect(read({}, { cache: { rules } }).warnings).toEqual([
    "cache.rules changes nothing, because HTTP_CACHE_ENABLED (cache.enabled) is not true",
  ]);
  expect(read({ HTTP_CACHE_ENABLED: "true" }, { cache: { rules } }).warnings).toEqual([]);
  const small = { HTTP_CACHE_MAX_BYTES: "10" };
  expect(read({ HTTP_CACHE_ENABLED: "true", ...small }).warnings).toEqual([
    expect.stringMatching(/^HTTP_CACHE_MAX_BYTES \(10\) is less than HTTP_CACHE_MAX_OBJECT_BYTES \(1048576\)/),
  ]);
  const elsewhere: readonly Record<string, string>[] = [
    {},
    { HTTP_CACHE_ENABLED: "true", HTTP_CACHE_BACKEND: "redis" },
  ];
  for (const env of elsewhere) expect(read({ ...env, ...small }, {}, "redis://all").warnings).toEqual([]);
});

test("Redis is its own or everybody's, and has to be somewhere", () => {
  const env = { HTTP_CACHE_ENABLED: "true", HTTP_CACHE_BACKEND: "redis" };
  expect(read(env).faults).toEqual([expect.stringContaining("REDIS_CACHE_URL or REDIS_URL must be set")]);
  const keyPrefix = "llmproxy:cache:";
  expect(read(env, {}, "redis://all").cache.redis).toEqual({ url: "redis://all", keyPrefix });
  expect(read({ ...env, REDIS_CACHE_URL: "redis://own" }, {}, "redis://all").cache.redis?.url).toBe("redis://own");
  expect(read({ ...env, REDIS_CACHE_URL: "http://own" }).faults[0]).toContain(
    "REDIS_CACHE_URL must be a redis:// or rediss:// URL",
  );
});
