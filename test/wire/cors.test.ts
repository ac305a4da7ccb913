import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Answer, Request } from "./client.ts";
import type { Header, Script } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

const app = "https://app.example";
const gateKey = "gate-0123456789";
let any: Wire;
let listed: Wire;
beforeAll(async () => {
  [any, listed] = await Promise.all([
    openWire({ env: { PROXY_API_KEY: gateKey, UPSTREAM_API_KEY: "op-openai" } }),
    openWire({ env: { CORS_ALLOWED_ORIGINS: `${app},http://localhost:5173` } }),
  ]);
});
afterAll(async () => {
  await any[Symbol.asyncDispose]();
  await listed[Symbol.asyncDispose]();
});

const origin: Header = ["origin", app];
const key: Header = ["authorization", `Bearer ${gateKey}`];
const call: Request = { method: "POST", target: "/v1/responses", headers: [origin, key], body: "{}" };

const cors = (answer: Answer) =>
  answer.headers.filter(([name]) => /^access-control-/i.test(name)).map(([name]) => name.toLowerCase());
const exposed = (answer: Answer) =>
  (answer.header("access-control-expose-headers") ?? "").toLowerCase().split(/, ?/).toSorted();

describe("every answer to a request with an Origin may be read by a page", () => {
  const answers: Readonly<Record<string, Request>> = {
    "an upstream's": call,
    "a refusal": { ...call, headers: [origin] },
    "a 404": { ...call, target: "/nope" },
    "/health": { target: "/health", headers: [origin] },
    "/api/health": { target: "/api/health", headers: [origin] },
    "/live": { target: "/live", headers: [origin] },
    "/ready": { target: "/ready", headers: [origin] },
  };
  for (const [what, request] of Object.entries(answers)) {
    test.concurrent(what, async () => {
      const [everybody, some] = await Promise.all([any.exchange(request), listed.exchange(request)]);
      expect(everybody.answer.header("access-control-allow-origin")).toBe("*");
      expect(some.answer.header("access-control-allow-origin")).toBe(app);
      expect(some.answer.header("vary") ?? "").toMatch(/origin/i);
      for (const { answer } of [everybody, some]) {
        expect(answer.header("access-control-allow-credentials")).toBeUndefined();
        expect(answer.header("access-control-allow-headers")).toBeUndefined();
      }
    });
  }

  test.concurrent("but not by one of another origin than those on the list, nor by who sends none", async () => {
    for (const other of ["https://evil.example", "https://app.example.evil.example", "null"]) {
      const { answer } = await listed.exchange({ ...call, headers: [["origin", other]] });
      expect(answer.header("access-control-allow-origin") ?? "nobody").not.toMatch(/evil|null|\*/);
      expect(answer.header("vary") ?? "").toMatch(/origin/i);
    }
    const { answer } = await any.exchange({ ...call, headers: [key] });
    expect(cors(answer)).toEqual([]);
  });

  test.concurrent("Vary is not said where every origin gets the same", async () => {
    const { answer } = await any.exchange(call);
    expect(answer.header("vary")).toBeUndefined();
  });
});

test.concurrent("pages may read the headers that this answer carries, by name, and no others", async () => {
  const headers: Header[] = [
    ["x-request-id", "r"],
    ["request-id", "r"],
    ["retry-after", "1"],
    ["x-ratelimit-limit-requests", "9"],
    ["x-other", "1"],
  ];
  const { answer } = await any.exchange(call, (seen) => seen.answer({ headers }));
  expect(exposed(answer)).toEqual([
    "request-id",
    "retry-after",
    "server-timing",
    "x-ratelimit-limit-requests",
    "x-request-id",
    "x-weir-exchange-id",
    "x-weir-trace-id",
  ]);
  const { answer: refusal } = await any.exchange({ ...call, headers: [origin] });
  expect(exposed(refusal)).toContain("x-weir-error");
  expect(exposed(refusal)).not.toContain("retry-after");
  expect(exposed(refusal)).not.toContain("*");
});

const speaksCors: Script = (seen) =>
  seen.answer({
    headers: [
      ["access-control-allow-origin", "https://provider.example"],
      ["access-control-allow-credentials", "true"],
      ["access-control-expose-headers", "x-theirs"],
      ["vary", "accept-encoding"],
    ],
  });

test.concurrent("an upstream's own CORS headers give way to ours, and pass where ours have no place", async () => {
  const { answer } = await any.exchange(call, speaksCors);
  expect(answer.header("access-control-allow-origin")).toBe("*");
  expect(answer.header("access-control-allow-credentials")).toBeUndefined();
  expect(exposed(answer)).not.toContain("x-theirs");
  expect(answer.header("vary")).toBe("accept-encoding");
  const { answer: plain } = await any.exchange({ ...call, headers: [key] }, speaksCors);
  expect(plain.header("access-control-allow-origin")).toBe("https://provider.example");
  const { answer: both } = await listed.exchange({ ...call, headers: [origin] }, speaksCors);
  expect([
    both.header("vary")?.toLowerCase().split(", ").toSorted(),
    both.header("access-control-allow-origin"),
  ]).toEqual([["accept-encoding", "origin"], app]);
});

describe("a preflight", () => {
  const asked = "authorization, x-stainless-lang,x-of-tomorrow";
  const preflight = (target: string, from = app): Request => ({
    method: "OPTIONS",
    target,
    headers: [
      ["origin", from],
      ["access-control-request-method", "POST"],
      ["access-control-request-headers", asked],
    ],
  });

  for (const target of [
    "/v1/chat/completions",
    "/v1/messages",
    "/openai/v1/models",
    "/v1beta/models/m:generateContent?key=x",
    "/health",
  ]) {
    test.concurrent(`to ${target} is answered before anybody is asked who they are`, async () => {
      const { answer, seen } = await any.exchange(preflight(target));
      expect(seen.length).toBe(0);
      expect([answer.status, answer.body.length]).toEqual([204, 0]);
      expect(answer.header("access-control-allow-origin")).toBe("*");
      expect(answer.header("access-control-allow-headers")).toBe(asked);
      const methods = answer.header("access-control-allow-methods")?.split(/, ?/).toSorted();
      expect(methods).toEqual(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]);
      expect(answer.header("access-control-max-age")).toBe("86400");
      expect(answer.header("access-control-allow-credentials")).toBeUndefined();
    });
  }

  test.concurrent("from another origin than those on the list allows nothing", async () => {
    const { answer, seen } = await listed.exchange(preflight("/v1/responses", "https://evil.example"));
    expect(seen.length).toBe(0);
    expect(answer.header("access-control-allow-origin") ?? "nobody").not.toMatch(/evil|\*/);
    const { answer: allowed } = await listed.exchange(preflight("/v1/responses", "http://localhost:5173"));
    expect([allowed.status, allowed.header("access-control-allow-origin")]).toEqual([204, "http://localhost:5173"]);
  });

  for (const target of ["/manage/projects", "/admin", "/admin/x"]) {
    test.concurrent(`to ${target} opens nothing`, async () => {
      const { answer, seen } = await any.exchange(preflight(target));
      expect(seen.length).toBe(0);
      expect(cors(answer)).toEqual([]);
      const { answer: plain } = await any.exchange({ target, headers: [origin, key] });
      expect(cors(plain)).toEqual([]);
    });
  }
});

test.concurrent("any other OPTIONS is forwarded", async () => {
  for (const headers of [
    [key],
    [key, origin],
    [key, ["access-control-request-method", "POST"]],
  ] as readonly (readonly Header[])[]) {
    const { answer, seen } = await any.exchange({ method: "OPTIONS", target: "/v1/models", headers }, (one) =>
      one.answer({ headers: [["allow", "GET"]] }),
    );
    expect(seen.map(({ method }) => method)).toEqual(["OPTIONS"]);
    expect([answer.status, answer.header("allow")]).toEqual([200, "GET"]);
  }
});
