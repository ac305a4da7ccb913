import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Header, Script, Seen } from "../wire/upstream.ts";
import { answering, type CacheStage, openStage, optIn, waitForHit, wordOf } from "./stage.ts";

const opened: CacheStage[] = [];
const stage = () => {
  const [only] = opened;
  if (!only) throw new Error("It is not open");
  return only;
};
beforeAll(async () => {
  opened.push(await openStage({ env: { HTTP_CACHE_STREAM_RESPONSES: "true", HTTP_CACHE_MAX_OBJECT_BYTES: "1KB" } }));
}, 60_000);
afterAll(async () => {
  for (const one of opened) await one[Symbol.asyncDispose]();
});

const body = (more: object = {}) =>
  JSON.stringify({
    model: "gpt-4o",
    stream: true,
    messages: [{ role: "user", content: crypto.randomUUID() }],
    ...more,
  });
const delta = (content: string) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "gpt-4o", choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
const stop =
  'data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
const usage =
  'data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}\n\n';
const done = "data: [DONE]\n\n";

/** Sends pieces with pauses between, so that each is a piece of its own. */
const streaming =
  (pieces: readonly string[], end: (seen: Seen) => void = (seen) => seen.end()): Script =>
  async (seen) => {
    await seen.body;
    seen.begin([
      ["content-type", "text/event-stream"],
      ["cache-control", "no-cache"],
    ]);
    for (const piece of pieces) {
      seen.chunk(piece);
      await Bun.sleep(15);
    }
    end(seen);
  };
const ask = (text: string, script: Script, headers: readonly Header[] = [optIn]) =>
  stage().call({ body: text, script, headers });
const askTwice = async (script: Script) => {
  const text = body({ stream_options: { include_usage: true } });
  await ask(text, script);
  await Bun.sleep(50);
  return ask(text, script);
};

test("a stream that came to its end is given again byte for byte, in its pieces", async () => {
  const text = body({ stream_options: { include_usage: true } });
  const script = streaming([delta("a"), delta("b") + delta("c"), stop, usage, done]);
  const first = await ask(text, script);
  const second = await waitForHit(() => ask(text, script));
  expect(second.seen).toEqual([]);
  expect(second.answer.body).toEqual(first.answer.body);
  expect(second.answer.end).toBe("clean");
  expect(second.answer.header("transfer-encoding")).toBe("chunked");
  expect(second.answer.header("content-length")).toBeUndefined();
});

test("a stream that we made tell its usage is given as its consumer saw it, and its record knows what was saved", async () => {
  const text = body();
  const script = streaming([delta("a"), stop, usage, done]);
  const first = await ask(text, script);
  expect(first.answer.text).not.toContain("prompt_tokens");
  const second = await waitForHit(() => ask(text, script));
  expect(second.answer.text).toBe(first.answer.text);
  const id = second.answer.header("x-weir-exchange-id");
  for (;;) {
    const record = (await stage().control.readRecords()).find((one) => one["id"] === id);
    if (record) {
      expect(record).toMatchObject({ cache: "hit", cost_nano_usd: "0", usage: { source: "none" } });
      expect(Number(record["saved_nano_usd"])).toBeGreaterThan(0);
      return;
    }
    await Bun.sleep(10);
  }
});

test("a stream without its dialect's end is not kept", async () => {
  expect(wordOf(await askTwice(streaming([delta("a"), delta("b")])))).toBe("miss");
});

test("a stream that its upstream breaks off is not kept", async () => {
  // A consumer's connection is broken off within seconds.
  const broken = ["reset", "fin"] as const;
  const calls = broken.map((how) => askTwice(streaming([delta("a"), stop, done], (seen) => seen[how]())));
  expect((await Promise.all(calls)).map(wordOf)).toEqual(["miss", "miss"]);
}, 60_000);

test("a stream that tells an error is not kept", async () => {
  expect(wordOf(await askTwice(streaming([delta("a"), 'data: {"error":{"message":"overloaded"}}\n\n', done])))).toBe(
    "miss",
  );
});

test("what is larger than the bound is not kept, as a stream and whole", async () => {
  const long = Array.from({ length: 12 }, () => delta("x".repeat(50)));
  expect(wordOf(await askTwice(streaming([...long, stop, done])))).toBe("miss");
  const whole = answering([], "200 OK", JSON.stringify({ text: "x".repeat(1100) }));
  const second = await askTwice(whole);
  expect(second.answer.header("cache-status")).toBe("weir; fwd=uri-miss; detail=too-large");
});

test("a stream that its consumer leaves is not kept", async () => {
  const text = body({ stream_options: { include_usage: true } });
  const script = streaming([delta("first"), stop, done]);
  const goesOn = Promise.withResolvers<void>();
  const waiting: Script = async (seen) => {
    await seen.body;
    seen.begin();
    seen.chunk(delta("first"));
    await goesOn.promise;
    seen.chunk(stop + done);
    seen.end();
  };
  const left = stage().control.open({ token: stage().tokens.a, body: text, script: waiting, headers: [optIn] });
  await left.until("first");
  left.leave();
  await Bun.sleep(300);
  goesOn.resolve();
  expect(wordOf(await ask(text, script))).toBe("miss");
});

test("streams are not kept unless the operator wants it", async () => {
  await using other = await openStage();
  const text = body();
  const call = () => other.call({ body: text, headers: [optIn], script: streaming([delta("a"), stop, done]) });
  await call();
  const { answer } = await call();
  expect(answer.header("cache-status")).toBe("weir; fwd=uri-miss; detail=stream");
}, 60_000);

test("equal requests wait for the first, whose leaving fails none of them", async () => {
  const text = body({ stream: false });
  const slow: Script = async (seen) => {
    await seen.body;
    await Bun.sleep(1000);
    await answering([], "200 OK", '{"id":"once"}')(seen);
  };
  const before = stage().control.seen.length;
  const calls = await Promise.all(Array.from({ length: 6 }, () => ask(text, slow)));
  expect(stage().control.seen.length - before).toBe(1);
  expect(calls.filter((call) => wordOf(call) === "hit").length).toBe(5);
  expect(new Set(calls.map(({ answer }) => answer.text))).toEqual(new Set(['{"id":"once"}']));

  const again = body({ stream: false });
  const leader = stage().control.open({ token: stage().tokens.a, body: again, script: slow, headers: [optIn] });
  await leader.arrived();
  const follower = ask(again, slow);
  await Bun.sleep(50);
  leader.leave();
  const { answer, seen } = await follower;
  expect([answer.status, answer.text, seen.length]).toEqual([200, '{"id":"once"}', 1]);
});

test("equal requests wait for the first for longer than a consumer may pause within its body", async () => {
  await using short = await openStage({ env: { CLIENT_IDLE_TIMEOUT_MS: "500" } });
  const slow: Script = async (seen) => {
    await seen.body;
    await Bun.sleep(2000);
    await answering([], "200 OK", '{"id":"once"}')(seen);
  };
  const asked = { body: body({ stream: false }), script: slow, headers: [optIn] };
  const calls = await Promise.all([short.call(asked), short.call(asked)]);
  expect(calls.map(({ answer }) => `${answer.status} ${answer.text}`)).toEqual([
    '200 {"id":"once"}',
    '200 {"id":"once"}',
  ]);
  expect(new Set(calls.map(wordOf))).toEqual(new Set(["hit", "miss"]));
}, 60_000);

test("equal requests go by themselves where the first brings nothing to keep", async () => {
  const text = body({ stream: false });
  const failing: Script = async (seen) => {
    await seen.body;
    await Bun.sleep(100);
    await answering([], "500 Internal Server Error")(seen);
  };
  const calls = await Promise.all([ask(text, failing), ask(text, failing), ask(text, failing)]);
  expect(calls.map(({ answer, seen }) => [answer.status, seen.length])).toEqual([
    [500, 1],
    [500, 1],
    [500, 1],
  ]);
});
