import { describe, expect, test } from "bun:test";
import { families as shapes } from "../control/control.ts";
import { startWeir } from "../weir.ts";
import { ask, families, openManage } from "./ask.ts";
import { openProvider } from "./provider.ts";
import { envOf, openStage } from "./stage.ts";

const refused = "429 rate_limit_exceeded";

describe("a refusal", () => {
  for (const family of families)
    test(`has the shape of ${family} and says all of the limit`, async () => {
      await using stage = await openStage({ yaml: "limits: { requests_per_minute: 2 }" });
      await stage.ask({ family });
      await stage.ask({ family });
      const { told, text, headers, limit } = await stage.ask({ family });
      expect(told).toBe(refused);
      expect(headers.get("content-type")).toStartWith("application/json");
      expect(JSON.parse(text)).toEqual(shapes[family].refusal(429, "rate_limit_exceeded"));
      expect(limit).toMatchObject({ limit: 2, remaining: 0, metric: "requests", window: "minute", scope: "token" });
      expect(limit.retryAfter).toBeGreaterThanOrEqual(59);
      expect(limit.retryAfter).toBeLessThanOrEqual(61);
      expect(Number.isInteger(limit.retryAfter)).toBe(true);
      expect(limit.reset).toMatch(/^\d+$/);
      expect(stage.provider.reached.length).toBe(2);
    });

  test("is counted by the figure that refused, through a reload too", async () => {
    const yaml = "limits: { requests_per_minute: 2, overrides: { model: { gpt-4.1: { tokens_per_day: 1 } } } }";
    await using stage = await openStage({ yaml });
    const readCounts = async () =>
      (await (await fetch(`${stage.url}/metrics`)).text())
        .split("\n")
        .filter((line) => line.startsWith("weir_limit_refusals_total"));
    expect(await readCounts()).toEqual([]);
    for (let calls = 0; calls < 3; calls += 1) await stage.ask();
    await stage.reload({ yaml });
    await stage.ask();
    await stage.ask({ token: await stage.mint(), model: "gpt-4.1" });
    await stage.ask({ token: await stage.mint(), model: "gpt-4.1" });
    expect(await readCounts()).toEqual([
      'weir_limit_refusals_total{scope="token",metric="requests",window="minute"} 2',
      'weir_limit_refusals_total{scope="model",metric="tokens",window="day"} 1',
    ]);
  });

  test("is readable for a page of another origin, with each of its headers named", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 1 }" });
    const headers = { origin: "https://app.example.com" };
    for (const status of [200, 429]) {
      const answer = await stage.ask({ headers });
      expect(answer.status).toBe(status);
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      const exposed = (answer.headers.get("access-control-expose-headers") ?? "").toLowerCase();
      const told = [...answer.headers.keys()].filter(
        (name) => name.startsWith("x-ratelimit") || name === "retry-after",
      );
      expect(told).toContain("x-ratelimit-remaining");
      for (const name of told) expect(exposed).toContain(name);
    }
    const preflight = await fetch(`${stage.url}/v1/chat/completions`, {
      method: "OPTIONS",
      headers: { ...headers, "access-control-request-method": "POST" },
    });
    expect(preflight.status).toBe(204);
  });
});

describe("an answer", () => {
  test("tells of the tightest scope", async () => {
    await using stage = await openStage({
      yaml: "limits: { requests_per_minute: 10, global: { requests_per_minute: 3 }, per_address: { requests_per_minute: 5 } }",
    });
    const { limit } = await stage.ask();
    expect(limit).toMatchObject({ limit: 3, remaining: 2, scope: "global", metric: "requests", window: "minute" });
    expect(limit.retryAfter).toBeUndefined();
  });

  test("tells of another scope as soon as that is the tighter one", async () => {
    await using stage = await openStage({
      yaml: "limits: { requests_per_minute: 5, global: { requests_per_minute: 8 } }",
    });
    const other = await stage.mint();
    expect((await stage.ask()).limit).toMatchObject({ limit: 5, remaining: 4, scope: "token" });
    for (let each = 0; each < 4; each += 1) await stage.ask({ token: other });
    expect((await stage.ask()).limit).toMatchObject({ limit: 8, remaining: 2, scope: "global" });
  });

  test("that failed upstream, or streams, tells it too", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 5 }" });
    expect((await stage.ask({ stream: true, plan: { input: 1, output: 1 } })).limit.remaining).toBe(4);
    expect((await stage.ask({ plan: { status: 404 } })).limit).toMatchObject({ limit: 5, remaining: 3 });
  });

  test("keeps the upstream's header of the same name, and every other of its headers", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 5 }" });
    const headers = { "x-ratelimit-limit": "777", "x-ratelimit-limit-requests": "888", "x-ratelimit-reset": "6m0s" };
    for (const stream of [false, true]) {
      const answer = await stage.ask({ stream, plan: { headers } });
      for (const [name, value] of Object.entries(headers)) expect(answer.headers.get(name)).toBe(value);
      expect(answer.headers.get("x-ratelimit-scope")).toBe("token");
    }
    const limited = await stage.ask({ plan: { status: 429, headers: { ...headers, "retry-after": "7" } } });
    expect([limited.told, limited.headers.get("retry-after"), limited.headers.get("x-ratelimit-limit")]).toEqual([
      "429",
      "7",
      "777",
    ]);
  });
});

test("no key, and no user or address where it tells of a limit, appears in a refusal, and no key in the log", async () => {
  await using provider = openProvider();
  const scopes = { user: "alice.smith@example.com", address: "203.0.113.77" };
  await using weir = await startWeir({
    env: { ...envOf(provider.url), LOG_LEVEL: "trace", TRUSTED_PROXIES: "127.0.0.1/32" },
    files: {
      "weir.yaml": `limits:
  requests_per_minute: 4
  per_address: { requests_per_minute: 5 }
  overrides: { user: { "${scopes.user}": { requests_per_minute: 2 } } }`,
    },
  });
  const key = "sk-own-SECRET-0123456789-abcdefghij";
  const minted = await openManage(() => weir.url).mint();
  const headers = { "x-forwarded-for": scopes.address };
  const seen: string[] = [];
  const drive = async (count: number, one: Parameters<typeof ask>[1]) => {
    for (let each = 0; each < count; each += 1) {
      const answer = await ask(weir.url, one);
      if (answer.status === 429) seen.push(`${answer.text}\n${JSON.stringify(Object.fromEntries(answer.headers))}`);
    }
  };
  await drive(3, { key, user: scopes.user });
  await drive(6, { key: `${key}-a`, headers });
  await drive(3, { key: `${key}-b`, headers });
  await drive(6, { family: "anthropic", key });
  await drive(6, { family: "gemini", target: `/v1beta/models/gemini-2.5-flash:generateContent?key=${key}` });
  await drive(6, { token: minted, headers: { ...headers, "x-user-id": scopes.user } });
  await drive(6, { key: `${key}-2`, plan: { status: 500 } });
  expect(seen.length).toBeGreaterThan(8);
  for (const text of seen)
    for (const secret of [key, minted, scopes.user, scopes.address]) expect(text).not.toContain(secret);
  expect(new Set(seen.map((text) => /"x-ratelimit-scope":"([^"]*)"/.exec(text)?.[1]))).toEqual(
    new Set(["user", "address", "key"]),
  );
  await weir.stop();
  for (const secret of [key, minted, key.slice(7, 20)]) expect(weir.output()).not.toContain(secret);
}, 30_000);
