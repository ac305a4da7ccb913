import { expect } from "bun:test";
import { expectStatus } from "../control/control.ts";
import { needs } from "../needs.ts";
import { findRedis, startRedis, whatRedisNeeds } from "../redis.ts";
import { waitFor } from "../weir.ts";
import { answering, forAMinute, holdBack, openStage, waitForHit, wordOf } from "./stage.ts";

const test = needs(whatRedisNeeds, findRedis());
const inRedis = (url: string) => ({ HTTP_CACHE_BACKEND: "redis", REDIS_CACHE_URL: url });

test("processes share what Redis keeps, by what it varies by, and forget it together", async () => {
  await using redis = await startRedis();
  await using stage = await openStage({ processes: 2, env: inRedis(redis.url) });
  const { control, projects, tokens } = stage;
  const purge = async (what: object) =>
    expectStatus(200, await control.manage("POST", "/manage/cache/purge", what, { process: 1 })).json;
  const vary = answering([
    ["cache-control", "max-age=60"],
    ["vary", "accept-language"],
  ]);
  const ask = (target: string, process: number, language = "de", token = tokens.a) =>
    stage.get(target, { process, token, script: vary, headers: [["accept-language", language]] });
  const first = await ask("/v1/models/[a]*|?x=1", 0);
  expect(wordOf(first)).toBe("miss");
  const other = await waitForHit(() => ask("/v1/models/[a]*|?x=1", 1));
  expect(other.answer.body).toEqual(first.answer.body);
  expect(wordOf(await ask("/v1/models/[a]*|?x=1", 0, "en"))).toBe("miss");
  await waitForHit(() => ask("/v1/models/[a]*|?x=1", 1, "en"));
  expect(wordOf(await ask("/v1/models/[a]*|?x=1", 1, "de", tokens.b))).toBe("miss");
  await waitForHit(() => ask("/v1/models/[a]*|?x=1", 1, "de", tokens.b));
  expect(await purge({ method: "GET", url: "/v1/models/[b]*|?x=1" })).toEqual({ deleted: 0 });
  expect(await purge({ project_id: projects.b })).toEqual({ deleted: 1 });
  expect(await purge({ method: "GET", url: "/v1/models/[a]*|?x=1" })).toEqual({ deleted: 2 });
  await ask("/v1/models/c", 0);
  await waitForHit(() => ask("/v1/models/c", 1));
  expect(await purge({ prefix: "/v1/models/c" })).toEqual({ deleted: 1 });
  await ask("/v1/models/c", 0);
  await waitForHit(() => ask("/v1/models/c", 1));
  await stage.get("/v1/models/c", { method: "DELETE", headers: [] });
  await waitFor(async () => wordOf(await ask("/v1/models/c", 1)) === "miss" || undefined, "It was never forgotten");
  await waitForHit(() => ask("/v1/models/c", 1));
  expect(await purge({ all: true })).toEqual({ deleted: 1 });
}, 60_000);

test("what was asked for before another process purged or forgot it isn't kept", async () => {
  await using redis = await startRedis();
  await using stage = await openStage({ processes: 2, env: inRedis(redis.url) });
  const { control } = stage;
  for (const during of [
    () => control.manage("POST", "/manage/cache/purge", { all: true }, { process: 1 }),
    (target: string) => stage.get(target, { method: "DELETE", process: 1 }),
  ]) {
    const target = `/v1/models/${crypto.randomUUID()}`;
    const { script, asked, letGo } = holdBack(forAMinute);
    const old = stage.get(target, { process: 0, script });
    await asked;
    await during(target);
    // It is forgotten behind the answer's back.
    await Bun.sleep(100);
    letGo();
    await old;
    await Bun.sleep(100);
    expect(wordOf(await stage.get(target, { process: 0, script: forAMinute }))).toBe("miss");
    await waitForHit(() => stage.get(target, { process: 1, script: forAMinute }));
  }
}, 60_000);

test("a Redis that hangs or is gone costs one call a moment and no other anything, and is used again once it is back", async () => {
  await using redis = await startRedis();
  await using stage = await openStage({ env: inRedis(redis.url) });
  const ask = async () => {
    const since = performance.now();
    const called = await stage.get("/v1/models/d", { script: forAMinute });
    return { ...called, ms: performance.now() - since };
  };
  await waitForHit(ask);
  redis.freeze();
  const hung = await ask();
  expect([hung.answer.status, wordOf(hung)]).toEqual([200, "bypass"]);
  expect(hung.answer.header("cache-status")).toBe("weir; fwd=bypass; detail=unavailable");
  const others = [];
  for (let index = 0; index < 20; index += 1) others.push(await ask());
  expect(others.map(wordOf)).toEqual(Array.from({ length: 20 }, () => "bypass"));
  // One that waited at all would have waited for 50 ms.
  expect(others.map(({ ms }) => ms).toSorted((one, other) => one - other)[10]).toBeLessThan(40);
  expect(
    (await stage.control.manage("POST", "/manage/cache/purge", { all: true }).catch(() => undefined))?.status ?? 503,
  ).toBe(503);
  redis.thaw();
  await waitForHit(ask);
  await redis.kill();
  const gone = await ask();
  expect([gone.answer.status, wordOf(gone)]).toEqual([200, "bypass"]);
  expectStatus(503, await stage.control.manage("POST", "/manage/cache/purge", { all: true }));
  await redis.restart();
  await waitForHit(ask);
}, 60_000);

test("it starts without its Redis", async () => {
  await using redis = await startRedis();
  await redis.kill();
  await using stage = await openStage({ env: inRedis(redis.url) });
  const { answer } = await stage.get("/v1/models/e", { script: forAMinute });
  expect([answer.status, answer.header("x-weir-cache")]).toEqual([200, "bypass"]);
}, 60_000);
