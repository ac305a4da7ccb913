import { createHash } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { send } from "../wire/client.ts";
import type { Header } from "../wire/upstream.ts";
import { ask, type Asked, askInTurn } from "./ask.ts";
import { openStage, type Stage } from "./stage.ts";

const refused = "429 rate_limit_exceeded";
const only = (count: number, of: number) => Array.from({ length: of }, (_, index) => (index < count ? "200" : refused));
const gemini = "/v1beta/models/gemini-2.5-flash:generateContent";

describe("a consumer's own key", () => {
  const key = "sk-own-0123456789-abcdefghij";
  const places: readonly Asked[] = [
    { headers: { authorization: `Bearer ${key}` } },
    { family: "anthropic", headers: { "x-api-key": key } },
    { family: "gemini", headers: { "x-goog-api-key": key } },
    { family: "gemini", target: `${gemini}?key=${key}` },
    { headers: { "api-key": key } },
    { family: "anthropic", headers: { authorization: `Bearer ${key}` } },
  ];
  const call = (stage: Stage, asked: Asked) => ask(stage.url, asked);

  test("is the same wherever it stands", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 3 }" });
    expect(await askInTurn(6, (at) => call(stage, places[at] ?? {}))).toEqual(only(3, 6));
    expect((await call(stage, { key })).limit.scope).toBe("key");
  });

  test("is itself, though another begins or ends like it", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 1 }" });
    for (const each of [key, `${key}k`, `${key.slice(0, 12)}-another`, key.toUpperCase(), `x${key}`])
      expect(await askInTurn(2, () => call(stage, { key: each }))).toEqual(only(1, 2));
  });

  test("has a figure of its own where an override names its hash, larger ones too", async () => {
    const hash = createHash("sha256").update(key).digest("hex");
    await using stage = await openStage({
      yaml: `limits: { requests_per_minute: 2, overrides: { key: { "${hash}": { requests_per_minute: 5 } } } }`,
    });
    expect(await askInTurn(6, () => call(stage, { key }))).toEqual(only(5, 6));
    expect(await askInTurn(3, () => call(stage, { key: `${key}-2` }))).toEqual(only(2, 3));
  });

  test("and an address don't count together: the base figure is the key's, not the address's", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 2 }" });
    for (let each = 0; each < 5; each += 1)
      expect(await askInTurn(2, () => call(stage, { key: `${key}-${each}` }))).toEqual(only(2, 2));
  });
});

describe("an address", () => {
  const env = { UPSTREAM_API_KEY: "sk-operator-0123456789", ALLOW_OPEN_RELAY: "true" };
  /** Each on a connection of its own, from a port of its own. */
  const callFrom = async (stage: Stage, headers: readonly Header[]): Promise<string> => {
    const { status, header } = await send(Number(new URL(stage.url).port), {
      method: "POST",
      target: "/v1/chat/completions",
      headers: [["content-type", "application/json"], ...headers],
      body: '{"model":"gpt-4o","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]}',
    });
    return `${status} ${header("x-weir-error") ?? ""}`.trim();
  };
  const all = async (stage: Stage, count: number, headersOf: (index: number) => readonly Header[]) => {
    const told: string[] = [];
    for (let index = 0; index < count; index += 1) told.push(await callFrom(stage, headersOf(index)));
    return told;
  };

  test("is that of the peer, whatever it says of itself, where no proxy is trusted", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 5 }", env });
    const told = await all(stage, 100, (index) => [
      ["x-forwarded-for", `203.0.113.${index}`],
      ["x-real-ip", `203.0.113.${index}`],
      ["forwarded", `for=203.0.113.${index}`],
      ["cf-connecting-ip", `203.0.113.${index}`],
    ]);
    expect(told).toEqual(only(5, 100));
  }, 30_000);

  test("is the one that a trusted proxy has added, not the one that it was told", async () => {
    await using stage = await openStage({
      yaml: "limits: { requests_per_minute: 2 }",
      env: { ...env, TRUSTED_PROXIES: "127.0.0.1/32" },
    });
    const from = (forwarded: string) => all(stage, 3, () => [["x-forwarded-for", forwarded]]);
    expect(await from("203.0.113.1")).toEqual(only(2, 3));
    expect(await from("203.0.113.2")).toEqual(only(2, 3));
    expect(await from("198.51.100.9, 203.0.113.1")).toEqual(only(0, 3));
  });

  test("of version 6 is the same however it is written", async () => {
    await using stage = await openStage({
      yaml: "limits: { requests_per_minute: 2 }",
      env: { ...env, TRUSTED_PROXIES: "127.0.0.1/32" },
    });
    const forms = ["2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:0db8::0001"];
    expect(await all(stage, 3, (index) => [["x-forwarded-for", forms[index] ?? ""]])).toEqual(only(2, 3));
  });

  test("bounds callers with tokens by per_address alone", async () => {
    await using stage = await openStage({
      yaml: "limits: { requests_per_minute: 2, per_address: { requests_per_minute: 5 } }",
    });
    const tokens = await Promise.all([1, 2, 3, 4].map(() => stage.mint()));
    const told = await askInTurn(8, (at) => stage.ask({ token: tokens[at % 4] ?? "" }));
    expect(told).toEqual(only(5, 8));
    expect((await stage.ask()).limit.scope).toBe("address");
  });
});

test("a user's name that means something to a program is a name like any other", async () => {
  await using stage = await openStage({
    yaml: `limits: { overrides: { user: { "constructor": { requests_per_minute: 1 }, "*@x.com": { requests_per_minute: 2 } } } }`,
  });
  for (const user of ["__proto__", "toString", "hasOwnProperty", "a:b", "a b\\n", "{}", "*"])
    expect(await askInTurn(3, () => stage.ask({ user }))).toEqual(only(3, 3));
  expect(await askInTurn(2, () => stage.ask({ user: "constructor" }))).toEqual(only(1, 2));
  expect(await askInTurn(3, () => stage.ask({ user: "ann@x.com" }))).toEqual(only(2, 3));
  expect(await askInTurn(3, () => stage.ask({ user: "ben@x.com" }))).toEqual(only(2, 3));
});
