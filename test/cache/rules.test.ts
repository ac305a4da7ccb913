import { afterAll, beforeAll, expect, test } from "bun:test";
import { expectStatus } from "../control/control.ts";
import { waitFor } from "../weir.ts";
import type { Header, Script } from "../wire/upstream.ts";
import { answering, type CacheStage, forAMinute, holdBack, openStage, optIn, wordOf, wordsOf } from "./stage.ts";

const opened: CacheStage[] = [];
const stage = () => {
  const [only] = opened;
  if (!only) throw new Error("It is not open");
  return only;
};
beforeAll(async () => {
  opened.push(
    await openStage({
      yaml: "cache: { rules: [{ path: /v1/shared/*, shared: true, ttl: 1h }, { path: /v1/ruled, methods: [GET], ttl: 1h }] }",
    }),
  );
}, 60_000);
afterAll(async () => {
  for (const one of opened) await one[Symbol.asyncDispose]();
});

const path = () => `/v1/models/${crypto.randomUUID()}`;
const body = () => JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: crypto.randomUUID() }] });
/** Answers anew, or says that nothing is new where it is asked. */
const withEtag =
  (control: string): Script =>
  (seen) =>
    (seen.header("if-none-match") === '"one"'
      ? answering(
          [
            ["etag", '"one"'],
            ["cache-control", control],
          ],
          "304 Not Modified",
          "",
        )
      : answering([
          ["etag", '"one"'],
          ["cache-control", control],
        ]))(seen);

test("an answer that says for how long it holds is asked for once, and a hit is told in every way", async () => {
  const target = path();
  const script = answering([
    ["cache-control", "public, max-age=5"],
    ["etag", '"one"'],
    ["x-request-id", "of-the-first"],
    ["set-cookie", "session=of-the-first"],
    ["x-ratelimit-remaining-requests", "9"],
  ]);
  const { id, token } = await stage().control.createToken(stage().projects.a, { max_requests: 50 });
  const ask = (headers: readonly Header[] = []) => stage().get(target, { token, script, headers });
  const first = await ask();
  expect(wordOf(first)).toBe("miss");
  expect(first.answer.header("cache-status")).toBe("weir; fwd=uri-miss; stored");
  expect(first.answer.header("x-proxy-cache")).toBe("stored");
  expect(first.answer.header("set-cookie")).toBe("session=of-the-first");
  const second = await ask([["origin", "https://app.example.com"]]);
  expect(second.seen).toEqual([]);
  expect(second.answer.text).toBe(first.answer.text);
  expect(wordOf(second)).toBe("hit");
  expect(second.answer.header("cache-status")).toMatch(/^weir; hit; ttl=[0-5]$/);
  expect(second.answer.header("x-proxy-cache")).toBe("hit");
  expect(second.answer.header("x-proxy-cache-key")).toMatch(/^[0-9a-f]{32}$/);
  expect(second.answer.header("x-proxy-cache-key")).toBe(first.answer.header("x-proxy-cache-key") ?? "");
  expect(second.answer.header("age")).toMatch(/^[0-4]$/);
  expect(second.answer.header("access-control-allow-origin")).toBe("*");
  expect(second.answer.header("set-cookie")).toBeUndefined();
  expect(second.answer.header("x-ratelimit-remaining-requests")).toBeUndefined();
  expect(second.answer.header("x-request-id")).toBe(second.answer.header("x-weir-trace-id") ?? "");
  expect(second.answer.header("server-timing")).not.toContain("upstream");
  expect(wordOf(await ask())).toBe("hit");
  const known = await ask([["if-none-match", '"one"']]);
  expect([known.answer.status, known.answer.text, known.answer.header("x-proxy-cache"), wordOf(known)]).toEqual([
    304,
    "",
    "conditional-hit",
    "hit",
  ]);
  await Bun.sleep(5100);
  const late = await ask();
  expect(late.seen.length).toBe(1);
  expect(wordOf(late)).toBe("miss");
  await waitFor(
    async () => (await stage().control.findToken(id)).cache_hit_count === 3 || undefined,
    "Hits are not counted",
  );
  expect((await stage().control.findToken(id)).request_count).toBe(2);
}, 60_000);

test("a GET that says nothing, and one that forbids it, is never kept", async () => {
  for (const header of [undefined, "no-store", "private, max-age=60", "max-age=0"]) {
    const target = path();
    const script = answering(header === undefined ? [] : [["cache-control", header]]);
    const ask = () => stage().get(target, { script, headers: [optIn] });
    expect([header, await wordsOf([ask, ask])]).toEqual([header, ["miss", "miss"]]);
  }
});

test("a POST is kept where its consumer opts in, by its body, and the age that it asks for is not in the key", async () => {
  const [one, other] = [body(), body()];
  const ask =
    (text: string, ...headers: readonly Header[]) =>
    () =>
      stage().call({ body: text, headers });
  const plain = await stage().call({ body: one });
  expect(plain.answer.header("cache-status")).toBe("weir; fwd=method; detail=not-opted-in");
  expect(await wordsOf([ask(one), ask(one, optIn), ask(one, optIn), ask(other, optIn)])).toEqual([
    "bypass",
    "miss",
    "hit",
    "miss",
  ]);
  expect(await wordsOf([ask(one, ["cache-control", "public, max-age=120"])])).toEqual(["hit"]);
  expect(await wordsOf([ask(one)])).toEqual(["bypass"]);
});

test("a POST that wants a kept answer only is given one or none, and never goes up, opted in or not", async () => {
  const text = body();
  const only: Header = ["cache-control", "only-if-cached"];
  const wanting: Header = ["cache-control", "public, max-age=60, only-if-cached"];
  const ask = (...headers: readonly Header[]) => stage().call({ body: text, headers });
  for (const header of [only, wanting]) {
    const { answer, seen } = await ask(header);
    expect([answer.status, answer.header("x-weir-error"), seen.length]).toEqual([504, "not_cached", 0]);
  }
  const kept = await ask(optIn);
  const given = await ask(only);
  expect([wordOf(given), given.answer.text, given.seen.length]).toEqual(["hit", kept.answer.text, 0]);
  // Nothing can be kept for these, so there is nothing that they could be given.
  const streamed = await stage().call({ chunks: ['{"model":"gpt-4o",', '"messages":[]}'], headers: [only] });
  const put = await stage().call({ method: "PUT", body: text, headers: [only] });
  const part = await ask(only, ["range", "bytes=0-1"]);
  const stored = await ask(["cache-control", "only-if-cached, no-store"]);
  for (const { answer, seen } of [streamed, put, part, stored]) expect([answer.status, seen.length]).toEqual([504, 0]);
});

test("only a POST's 200 is kept, and none that tells an error", async () => {
  for (const script of [answering([], "201 Created"), answering([], "200 OK", '{"error":{"message":"no"}}')]) {
    const text = body();
    const ask = () => stage().call({ body: text, headers: [optIn], script });
    expect([wordOf(await ask()), wordOf(await ask())]).toEqual(["miss", "miss"]);
  }
});

test("no project is given another's answers, whatever a consumer says", async () => {
  const { a, b } = stage().tokens;
  const target = path();
  await stage().get(target, { script: forAMinute });
  expect(wordOf(await stage().get(target, { token: a, script: forAMinute }))).toBe("hit");
  const ofB = await stage().get(target, { token: b, script: forAMinute });
  expect([wordOf(ofB), ofB.seen.length]).toEqual(["miss", 1]);

  const text = body();
  const hash = new Bun.CryptoHasher("sha256").update(text).digest("hex");
  const forged: Header = ["x-body-hash", hash];
  await stage().call({ token: a, chunks: ['{"model":"gpt-4o",', '"messages":[]}'], headers: [optIn, forged] });
  for (const token of [a, b]) {
    const genuine = await stage().call({ token, body: text, headers: [optIn, forged] });
    expect([wordOf(genuine), genuine.seen.length]).toEqual(["miss", 1]);
  }
});

test("a rule keeps what says nothing, and only one that says shared gives it to every project, plain max-age apart", async () => {
  const silent = answering([]);
  const ask =
    (target: string, token: string, script = silent) =>
    () =>
      stage().get(target, { token, script });
  const { a, b } = stage().tokens;
  expect(await wordsOf([ask("/v1/ruled", a), ask("/v1/ruled", a), ask("/v1/ruled", b)])).toEqual([
    "miss",
    "hit",
    "miss",
  ]);
  expect(await wordsOf([ask("/v1/shared/1", a), ask("/v1/shared/1", b)])).toEqual(["miss", "hit"]);
  const own = answering([["cache-control", "max-age=60"]]);
  expect(await wordsOf([ask("/v1/shared/2", a, own), ask("/v1/shared/2", b, own)])).toEqual(["miss", "miss"]);
});

test("who wishes something else by a header is given no answer that another project has got and that all share", async () => {
  const { a, b } = stage().tokens;
  const text = body();
  const ask =
    (token: string, ...headers: readonly Header[]) =>
    () =>
      stage().call({ target: "/v1/shared/embeddings", body: text, token, headers, script: answering([]) });
  const wish: Header = ["x-goog-request-params", "model=other"];
  expect(await wordsOf([ask(a), ask(b), ask(b, wish), ask(a, wish)])).toEqual(["miss", "hit", "miss", "hit"]);
});

test("who has headers taken out on the way up leaves nothing for others, and is given nothing", async () => {
  const { a, b } = stage().tokens;
  const script = answering([["vary", "accept-language"]]);
  const wishes: readonly Header[] = [
    ["openai-beta", "assistants=v2"],
    ["accept-language", "de"],
  ];
  const ask = (token: string, headers: readonly Header[] = wishes) =>
    stage().get("/v1/shared/thinned", { token, headers, script });
  const thin: Header = ["connection", "keep-alive, accept-language, openai-beta"];
  const thinned = await ask(a, [thin, ...wishes]);
  expect([thinned.seen[0]?.header("openai-beta"), thinned.answer.header("cache-status")]).toEqual([
    undefined,
    "weir; fwd=bypass; detail=connection",
  ]);
  expect(await wordsOf([() => ask(b), () => ask(a), () => ask(a, [thin, ...wishes])])).toEqual([
    "miss",
    "hit",
    "bypass",
  ]);
});

test("an answer that varies is given for the headers that it was made for", async () => {
  const target = path();
  const script = answering([
    ["cache-control", "max-age=60"],
    ["vary", "Accept-Language, X-Flavour"],
  ]);
  const ask = (language: string) => () => stage().get(target, { script, headers: [["accept-language", language]] });
  expect(await wordsOf([ask("de"), ask("en"), ask("de"), ask("en"), ask("fr")])).toEqual([
    "miss",
    "miss",
    "hit",
    "hit",
    "miss",
  ]);
  const all = answering([
    ["cache-control", "max-age=60"],
    ["vary", "*"],
  ]);
  const starred = path();
  expect(
    await wordsOf([() => stage().get(starred, { script: all }), () => stage().get(starred, { script: all })]),
  ).toEqual(["miss", "miss"]);
});

test("an answer of chosen members is given only to who chose the same", async () => {
  const target = path();
  const script = answering([["cache-control", "max-age=60"]]);
  const ask = (mask: string) => () => stage().get(target, { script, headers: [["x-goog-fieldmask", mask]] });
  expect(await wordsOf([ask("a"), ask("b"), ask("a")])).toEqual(["miss", "miss", "hit"]);
});

test("what is stale is asked about, and a consumer that sent no validators gets all of it", async () => {
  const target = path();
  const script = withEtag("max-age=0");
  const first = await stage().get(target, { script });
  const second = await stage().get(target, { script });
  expect(second.seen[0]?.header("if-none-match")).toBe('"one"');
  expect([second.answer.status, second.answer.text]).toEqual([200, first.answer.text]);
  expect(second.answer.header("cache-status")).toBe("weir; fwd=stale; fwd-status=304; stored");
  const known = await stage().get(target, { script, headers: [["if-none-match", '"one"']] });
  expect([known.answer.status, known.answer.text]).toEqual([304, ""]);
});

test("a 304 makes an answer hold again", async () => {
  const target = path();
  await stage().get(target, { script: withEtag("max-age=0") });
  const again = withEtag("max-age=60");
  const calls = [1, 2].map(() => () => stage().get(target, { script: again }));
  expect(await wordsOf(calls)).toEqual(["miss", "hit"]);
});

test("requests that want no kept answer get none", async () => {
  const target = path();
  const ask = (...headers: readonly Header[]) => stage().get(target, { script: forAMinute, headers });
  await ask();
  const status = async (...headers: readonly Header[]) => (await ask(...headers)).answer.header("cache-status");
  expect(await status(["cache-control", "no-store"])).toBe("weir; fwd=bypass; detail=no-store");
  expect(await status(["range", "bytes=0-1"])).toBe("weir; fwd=bypass; detail=range");
  for (const header of [
    ["cache-control", "no-cache"],
    ["cache-control", "max-age=0"],
    ["pragma", "no-cache"],
  ] as const)
    expect([header, await status(header)]).toEqual([header, "weir; fwd=request; stored"]);
  expect(await status(["cache-control", "only-if-cached"])).toMatch(/^weir; hit/);
  const none = await stage().get(path(), { headers: [["cache-control", "only-if-cached"]] });
  expect([none.answer.status, none.answer.header("x-weir-error"), none.seen]).toEqual([504, "not_cached", []]);
});

test("what is asked for under a very long target is never kept", async () => {
  const ask = (length: number) => () =>
    stage().get(`${path()}?x=${"x".repeat(length)}`, { script: forAMinute, headers: [] });
  const long = await ask(5_000)();
  expect([long.answer.status, long.answer.header("cache-status")]).toEqual([200, "weir; fwd=bypass; detail=target"]);
  expect(await wordsOf([ask(3_000)])).toEqual(["miss"]);
});

test("HEAD is answered from a GET, and part of an answer is never kept", async () => {
  const target = path();
  const { answer } = await stage().get(target, { script: forAMinute });
  const head = await stage().get(target, { method: "HEAD" });
  expect([head.seen, wordOf(head), head.answer.header("content-length"), head.answer.text]).toEqual([
    [],
    "hit",
    String(answer.body.length),
    "",
  ]);
  const part = path();
  const script = answering(
    [
      ["cache-control", "max-age=60"],
      ["content-range", "bytes 0-1/9"],
    ],
    "206 Partial Content",
    "{}",
  );
  const ask = () => stage().get(part, { script });
  expect([wordOf(await ask()), wordOf(await ask())]).toEqual(["miss", "miss"]);
});

test("a method that changes something makes forgotten what was there, within its project and where it succeeds", async () => {
  const target = path();
  const { b } = stage().tokens;
  const ask = (token?: string) => () => stage().get(target, { script: forAMinute, ...(token ? { token } : {}) });
  await wordsOf([ask(), ask(b)]);
  await stage().get(target, { method: "DELETE", script: answering([], "500 Internal Server Error") });
  expect(await wordsOf([ask()])).toEqual(["hit"]);
  await stage().get(target, { method: "DELETE" });
  expect(await wordsOf([ask(), ask(b)])).toEqual(["miss", "hit"]);
});

test("an answer that is stale stands in for an upstream that fails, where its consumer allows it", async () => {
  const target = path();
  const first = await stage().get(target, { script: withEtag("max-age=0") });
  const failing = answering([], "503 Service Unavailable");
  const ask = (script: Script, ...headers: readonly Header[]) => stage().get(target, { script, headers });
  expect((await ask(failing)).answer.status).toBe(503);
  const allowed: Header = ["cache-control", "stale-if-error=60"];
  const told = await ask(failing, allowed);
  expect([told.answer.status, told.answer.text]).toEqual([200, first.answer.text]);
  expect(told.answer.header("cache-status")).toContain("detail=stale-if-error-upstream-503");
  const broken = await ask((seen) => seen.reset(), allowed);
  expect([broken.answer.status, broken.answer.text]).toEqual([200, first.answer.text]);
});

test("an answer that stands in takes none of its token's requests", async () => {
  const target = path();
  const { id, token } = await stage().control.createToken(stage().projects.a, { max_requests: 2 });
  const allowed: Header = ["cache-control", "stale-if-error=60"];
  const ask = (script: Script) => stage().get(target, { token, script, headers: [allowed] });
  const failing = answering([], "503 Service Unavailable");
  await ask(withEtag("max-age=0"));
  for (const script of [failing, failing, (seen: Parameters<Script>[0]) => seen.reset()])
    expect((await ask(script)).answer.status).toBe(200);
  expect((await stage().control.findToken(id)).request_count).toBe(1);
  expect((await ask(withEtag("max-age=0"))).answer.status).toBe(200);
  expect((await ask(failing)).answer.header("x-weir-error")).toBe("quota_exceeded");
});

test("a project that wants no cache has none, and one that wants its POSTs kept has them", async () => {
  const { control } = stage();
  const mint = async (cache: unknown) =>
    (await control.createToken((await control.createProject({ settings: { cache } })).id)).token;
  const [off, on] = [await mint("off"), await mint(60)];
  const text = body();
  const ask = (token: string) => () => stage().call({ token, body: text, headers: token === off ? [optIn] : [] });
  expect(await wordsOf([ask(off), ask(off), ask(on), ask(on)])).toEqual(["bypass", "bypass", "miss", "hit"]);
  const file = { token: on, target: "/v1/batches", body: '{"input_file_id":"1"}' };
  expect(await wordsOf([() => stage().call(file), () => stage().call(file)])).toEqual(["bypass", "bypass"]);
});

test("what was kept is forgotten by URL, prefix and project, or all of it", async () => {
  const { control, tokens, projects } = stage();
  const [one, other] = [`${path()}?limit=1`, path()];
  const accepting: Header = ["accept", "text/plain"];
  const script = answering([
    ["cache-control", "max-age=60"],
    ["vary", "accept"],
  ]);
  const fill = () =>
    wordsOf(
      [
        () => stage().get(one, { script, headers: [accepting] }),
        () => stage().get(one, { script }),
        () => stage().get(other, { script }),
        () => stage().get(other, { script, token: tokens.b }),
      ]
        .values()
        .toArray(),
    );
  const purge = async (what: object) => {
    const { json } = expectStatus(200, await control.manage("POST", "/manage/cache/purge", what));
    return json;
  };
  await purge({ all: true });
  expect(await fill()).toEqual(["miss", "miss", "miss", "miss"]);
  expect(await purge({ method: "GET", url: `https://api.example.com${one}` })).toEqual({ deleted: 2 });
  expect(await purge({ method: "GET", url: one })).toEqual({ deleted: 0 });
  expect(await fill()).toEqual(["miss", "miss", "hit", "hit"]);
  expect(await purge({ prefix: other.slice(0, -3) })).toEqual({ deleted: 2 });
  expect(await fill()).toEqual(["hit", "hit", "miss", "miss"]);
  expect(await purge({ project_id: projects.b })).toEqual({ deleted: 1 });
  expect(await fill()).toEqual(["hit", "hit", "hit", "miss"]);
  const text = body();
  await stage().call({ body: text, headers: [optIn] });
  expect(await purge({ method: "POST", url: "/openai/v1/chat/completions" })).toEqual({ deleted: 1 });
  expect(await purge({ all: true })).toEqual({ deleted: 4 });
  for (const wrong of [{}, { method: "GET" }, { url: one }, { prefix: "/", all: true }, "{", { prefix: one.slice(1) }])
    expect((await control.manage("POST", "/manage/cache/purge", wrong)).status).toBe(400);
  const audit = await control.manage("GET", "/manage/audit?action=cache.purge&limit=1");
  expect(audit.text).toContain('"deleted":4');
});

test("what was asked for before a purge, or before a method that changes something, isn't kept after it", async () => {
  const { control } = stage();
  for (const during of [
    () => control.manage("POST", "/manage/cache/purge", { all: true }),
    (target: string) => stage().get(target, { method: "DELETE" }),
  ]) {
    const target = path();
    const { script, asked, letGo } = holdBack(forAMinute);
    const old = stage().get(target, { script });
    await asked;
    await during(target);
    // Who asks now doesn't wait for what was asked for before.
    const ask = () => stage().get(target, { script: forAMinute });
    expect(wordOf(await ask())).toBe("miss");
    letGo();
    const next = await ask();
    expect([wordOf(next), next.answer.text === (await old).answer.text]).toEqual(["hit", false]);
  }
});

test("a hit is an exchange of its own that costs nothing and tells what it saved", async () => {
  const text = body();
  const completion = JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion",
    model: "gpt-4o",
    choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 },
  });
  const script = answering([], "200 OK", completion);
  const ask = () => stage().call({ body: text, headers: [optIn], script });
  const first = await ask();
  const second = await ask();
  expect(wordOf(second)).toBe("hit");
  const recordOf = async (id = "") =>
    waitFor(async () => (await stage().control.readRecords()).find((record) => record["id"] === id), "No record of it");
  const [paid, saved] = [
    await recordOf(first.answer.header("x-weir-exchange-id")),
    await recordOf(second.answer.header("x-weir-exchange-id")),
  ];
  expect(paid["cache"]).toBeUndefined();
  expect(Number(paid["cost_nano_usd"])).toBeGreaterThan(0);
  expect(saved).toMatchObject({
    cache: "hit",
    cost_nano_usd: "0",
    saved_nano_usd: paid["cost_nano_usd"],
    usage: { source: "none", total: 0 },
  });
});

test("hits, misses, passed calls and kept answers are counted for Prometheus", async () => {
  const metrics = await (await fetch(`${stage().control.weirs[0]?.url}/metrics`)).text();
  for (const name of ["hits", "misses", "bypass", "stores"])
    expect(metrics).toMatch(new RegExp(`^weir_cache_${name}_total [1-9]`, "m"));
});
