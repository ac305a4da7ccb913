import { afterAll, beforeAll, expect, test } from "bun:test";
import { openai } from "./chat.ts";
import { send } from "./client.ts";
import { openWire, type Wire } from "./wire.ts";

let bare: Wire;
let keyed: Wire;
let down: Wire;
beforeAll(async () => {
  [bare, keyed, down] = await Promise.all([
    openWire(),
    openWire({
      env: {
        UPSTREAM_API_KEY: "op-openai",
        ANTHROPIC_API_KEY: "op-anthropic",
        GEMINI_API_KEY: "op-gemini",
        PROXY_API_KEY: "gate-0123456789",
        METRICS_TOKEN: "metrics-0123456789",
      },
    }),
    openWire({
      env: {
        UPSTREAM_BASE_URL: "http://127.0.0.1:1",
        ANTHROPIC_API_KEY: "op-anthropic",
        ANTHROPIC_BASE_URL: "http://127.0.0.1:1",
      },
    }),
  ]);
});
afterAll(async () => {
  for (const wire of [bare, keyed, down]) await wire[Symbol.asyncDispose]();
});

const read = async (wire: Wire, target: string, more = {}) => {
  const answer = await send(wire.weir.port, { target, ...more });
  return { status: answer.status, body: answer.json(), text: answer.text };
};

test("liveness and readiness ask nobody", async () => {
  for (const target of ["/live", "/ready"]) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => read(bare, target)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  }
  expect(bare.seen.length).toBe(0);
});

test("with no key of its own it is ok, and says which providers aren't configured", async () => {
  expect(await read(bare, "/api/health")).toMatchObject({
    status: 200,
    body: {
      name: "weir",
      version: expect.any(String),
      status: "ok",
      upstream: { openai: "ok", anthropic: "not_configured", gemini: "not_configured" },
    },
  });
});

test("/health tells its status, the time, and each provider's", async () => {
  const { status, body } = await read(bare, "/health");
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: "ok", version: expect.any(String), features: expect.any(Object) });
  const { timestamp, providers } = body as { timestamp: string; providers: Record<string, unknown> };
  expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
  expect(Object.keys(providers).toSorted()).toEqual(["anthropic", "gemini", "openai"]);
  expect(providers["openai"]).toEqual({ status: "ok", base_url: bare.upstreams.openai.url, streaming_support: true });
});

test("fifty probes at once make at most one call to each upstream, without anybody's key", async () => {
  const before = keyed.seen.length;
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      read(keyed, n % 2 === 0 ? "/api/health" : "/health", { headers: [["authorization", "Bearer gate-0123456789"]] }),
    ),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const probes = keyed.seen.slice(before);
  for (const name of ["openai", "anthropic", "gemini"])
    expect(probes.filter(({ upstream }) => upstream === name).length).toBeLessThanOrEqual(1);
  expect(probes.map(({ head }) => head).join()).not.toMatch(/op-|gate-/);
  expect(answers[0]?.body).toMatchObject({ upstream: { openai: "ok", anthropic: "ok", gemini: "ok" } });
  expect(answers.map(({ text }) => text).join()).not.toMatch(/op-|gate-|metrics-/);
});

test("what real calls have shown needs no probe", async () => {
  await using fresh = await openWire();
  await fresh.exchange(openai.call, (seen) => seen.answer({ status: "401 Unauthorized" }));
  expect((await read(fresh, "/api/health")).body).toMatchObject({ status: "ok", upstream: { openai: "ok" } });
  expect(fresh.seen.length).toBe(1);
});

test("an upstream that can't be reached makes it degraded, and the page still answers 200", async () => {
  const { status, body, text } = await read(down, "/api/health");
  expect(status).toBe(200);
  expect(body).toMatchObject({
    status: "degraded",
    upstream: { openai: "unreachable", anthropic: "unreachable", gemini: "not_configured" },
  });
  expect((await read(down, "/health")).body).toMatchObject({ status: "degraded" });
  expect((await read(down, "/ready")).status).toBe(200);
  expect(text).not.toMatch(/\bat \S+:\d+|ECONN|node_modules/);
});

test("metrics are text, or JSON where that is asked for, and count the exchanges", async () => {
  const { answer } = await bare.exchange(openai.call, (seen) => seen.answer());
  await bare.recordOf(answer);
  const text = await send(bare.weir.port, { target: "/metrics" });
  expect(text.header("content-type")).toStartWith("text/plain");
  expect(text.text).toMatch(/^weir_\w*\{[^}]*provider="openai"[^}]*\} \d/m);
  expect(
    (await send(bare.weir.port, { target: "/metrics/prometheus", headers: [["accept", "application/json"]] })).header(
      "content-type",
    ),
  ).toStartWith("text/plain");
  for (const request of [
    { target: "/metrics.json" },
    { target: "/metrics", headers: [["accept", "application/json"]] as const },
  ]) {
    const json = await send(bare.weir.port, request);
    expect(json.header("content-type")).toStartWith("application/json");
    expect(JSON.stringify(json.json())).toContain("openai");
  }
});

test("METRICS_TOKEN guards every form of them", async () => {
  for (const target of ["/metrics", "/metrics.json", "/metrics/prometheus"]) {
    expect((await send(keyed.weir.port, { target })).status).toBe(401);
    expect(
      (await send(keyed.weir.port, { target, headers: [["authorization", "Bearer gate-0123456789"]] })).status,
    ).toBe(401);
    expect(
      (await send(keyed.weir.port, { target, headers: [["authorization", "Bearer metrics-0123456789"]] })).status,
    ).toBe(200);
  }
});
