import { afterEach, beforeEach, expect, test } from "bun:test";

import { exampleExchange, exampleExchanges, recordsOf } from "../../test/fakes/exchanges.ts";
import { type FakeLangfuse, startFakeLangfuse } from "../../test/fakes/langfuse.ts";
import type { Exchange } from "../domain/exchange.ts";
import { createLangfuseSink, type LangfuseSinkParts } from "./langfuse-sink.ts";
import type { DeliveryResult, Sink } from "./sink.ts";

let fake: FakeLangfuse;
let sink: Sink;

beforeEach(() => {
  fake = startFakeLangfuse();
  sink = openSink();
});

afterEach(() => fake.stop());

function openSink(different: Partial<LangfuseSinkParts> = {}): Sink {
  const { url: baseUrl, publicKey, secretKey } = fake;
  const parts = { fetch, now: Date.now, version: "1.2.3", baseUrl, publicKey, secretKey, mediaTimeoutMs: 20_000 };
  return createLangfuseSink({ ...parts, ...different });
}

function deliver(exchanges: readonly Exchange[], signal = AbortSignal.timeout(20_000)): Promise<DeliveryResult> {
  return sink.deliver(recordsOf(exchanges), signal);
}

/** What came of a delivery, in a line: `retry: …`. */
function outcome(result: DeliveryResult): string {
  return result.kind === "delivered" ? result.kind : `${result.kind}: ${result.reason}`;
}

function exports() {
  return fake.requests().filter(({ path }) => path === "/api/public/otel/v1/traces");
}

test("a batch arrives in one compressed request, each exchange as a trace of its own", async () => {
  const result = await deliver(exampleExchanges(20, () => ({ input: { messages: "Grüße 👋 ".repeat(200) } })));

  expect(result).toEqual({ kind: "delivered", rejected: [] });
  expect(fake.spans()).toHaveLength(20);
  expect(new Set(fake.spans().map(({ traceId }) => traceId)).size).toBe(20);
  expect(fake.spans()[0]?.attributes["langfuse.observation.input"]).toBe(
    JSON.stringify({ messages: "Grüße 👋 ".repeat(200) }),
  );
  expect(exports()).toHaveLength(1);
  expect(exports()[0]?.sentBytes).toBeLessThan((exports()[0]?.bytes ?? 0) / 10);
  expect(exports()[0]?.headers).toMatchObject({ "x-langfuse-ingestion-version": "4", "content-encoding": "gzip" });
  expect(fake.faults()).toEqual([]);
});

test("an exchange that is delivered twice is there once", async () => {
  await deliver([exampleExchange()]);
  await deliver([exampleExchange()]);

  expect(fake.spans()).toHaveLength(1);
  expect(fake.spans()[0]?.deliveries).toBe(2);
});

test("requests stay below 4 MB before compression, however large the exchanges are", async () => {
  const sizes = [1_900_000, 3_000_000, 100, 1_500_000, 6_000_000, 900_000];
  const input = (index: number) => ({ messages: [{ role: "user", content: '"'.repeat((sizes[index] ?? 0) / 2) }] });
  const exchanges = exampleExchanges(sizes.length, (index) => ({ input: input(index) }));
  const result = await deliver(exchanges, AbortSignal.timeout(100_000));

  expect(result.kind).toBe("delivered");
  expect(fake.spans()).toHaveLength(sizes.length);
  expect(exports().length).toBeGreaterThan(1);
  expect(Math.max(...exports().map(({ bytes }) => bytes))).toBeLessThan(4_000_000);
  // Less than a second by itself, many where others have the processor.
}, 120_000);

test("an exchange that is too large for what stands before Langfuse is shortened until it passes", async () => {
  fake.maxBodyBytes = 300_000;
  const noise = Array.from({ length: 40_000 }, (_, index) => Bun.hash(String(index)).toString(36)).join(" ");
  const messages = [
    { role: "user", content: noise },
    { role: "user", content: "latest?" },
  ];
  const result = await deliver([exampleExchange({ input: { messages } })]);

  expect(outcome(result)).toBe("delivered");
  expect(fake.spans()[0]?.attributes["langfuse.observation.input"]).toBe(
    '{"messages":[{"role":"user","content":"latest?"}]}',
  );
  expect(fake.spans()[0]?.attributes["langfuse.trace.metadata.truncated"]).toBe(true);
});

test("an exchange that can't be written as a span is rejected, and the others arrive", async () => {
  const [good, bad] = exampleExchanges(2);
  if (good === undefined || bad === undefined) throw new Error("no exchanges");
  const result = await deliver([good, { ...bad, started_at: "yesterday" }]);

  expect(result).toEqual({
    kind: "delivered",
    rejected: [{ id: bad.id, reason: "The record could not be written as a span (RangeError)" }],
  });
  expect(fake.spans().map(({ spanId }) => spanId)).toEqual([good.span_id]);
});

test.each([
  ["401", "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"],
  ["403", "Ingestion suspended"],
  ["500", "Langfuse answered 500: "],
  ["502-html", "Langfuse answered 502: a web page"],
  ["200-html", "Langfuse answered 200: a web page"],
  ["redirect", "redirects to http://127.0.0.1:"],
] as const)("an answer of the kind %s is tried again, and its reason says %p", async (mode, reason) => {
  fake.mode = mode;
  const result = await deliver([exampleExchange()]);

  expect(outcome(result)).toStartWith("retry: Langfuse answered ");
  expect(outcome(result)).toContain(reason);
  expect(fake.spans()).toEqual([]);
});

test.each([
  ["7", 7_000],
  ["Fri, 20 Nov 2026 10:00:30 GMT", 30_000],
  ["Fri, 20 Nov 2026 09:00:00 GMT", 0],
  ["86400", 3_600_000],
  ["soon", undefined],
  [undefined, undefined],
])("a 429 with retry-after %p is tried again after %p ms", async (retryAfter, afterMs) => {
  fake.mode = "429";
  fake.retryAfter = retryAfter;
  sink = openSink({ now: () => Date.parse("2026-11-20T10:00:00Z") });
  expect(await deliver([exampleExchange()])).toMatchObject({ kind: "retry", afterMs });
});

test("a Langfuse that hangs is given up with the signal", async () => {
  fake.mode = "hang";
  const result = await deliver([exampleExchange()], AbortSignal.timeout(50));
  expect(result).toEqual({ kind: "retry", reason: `Langfuse at ${fake.url} did not answer in time` });
});

test("a Langfuse that is away is tried again, and takes everything when it is back", async () => {
  await fake.stop();
  const result = await deliver([exampleExchange()]);
  expect(outcome(result)).toMatch(/^retry: Langfuse at .* could not be reached/);

  fake.restart();
  expect(await deliver([exampleExchange()])).toMatchObject({ kind: "delivered" });
  expect(fake.spans()).toHaveLength(1);
});

test.each(["400-if-bad", "413-if-bad"] as const)("a batch that gets a %s is refused as a whole", async (mode) => {
  fake.mode = mode;
  const bad = { input: { messages: "reject-me" } };
  const result = await deliver(exampleExchanges(3, (index) => (index === 1 ? bad : {})));
  expect(outcome(result)).toStartWith("refused: Langfuse answered 4");
});

test("spans that a 207 names are rejected, and the rest is taken and not sent again", async () => {
  fake.mode = "207";
  const exchanges = exampleExchanges(3, (index) => (index === 1 ? { input: { messages: "reject-me" } } : {}));
  const result = await deliver(exchanges);

  if (result.kind !== "delivered") throw new Error(outcome(result));
  expect(result.rejected?.map(({ id }) => id)).toEqual(["exchange-1"]);
  expect(result.rejected?.[0]?.reason).toContain("Span is bad");
  expect(fake.spans().map(({ deliveries }) => deliveries)).toEqual([1, 1]);
});

test("rejected spans that are only counted are looked for in smaller batches, and found in a batch of one", async () => {
  fake.mode = "partial";
  const bad = exampleExchange({ input: { messages: "reject-me" }, span_id: "c".repeat(16) });

  expect(outcome(await deliver([exampleExchange(), bad]))).toBe("refused: Langfuse rejected spans: Span is bad");
  expect(await deliver([bad])).toEqual({
    kind: "delivered",
    rejected: [{ id: bad.id, reason: "Langfuse rejected spans: Span is bad" }],
  });
});

test("the secret key is in no reason, even where an answer quotes it", async () => {
  const basic = btoa(`${fake.publicKey}:${fake.secretKey}`);
  const echo = Bun.serve({
    port: 0,
    fetch: () => Response.json({ message: `no ${fake.secretKey} and no Basic ${basic}` }, { status: 401 }),
  });
  sink = openSink({ baseUrl: echo.url.origin });
  const result = await deliver([exampleExchange()]);
  await echo.stop(true);

  expect(outcome(result)).toMatch(/^retry: .*no … and no Basic …/);
});

test("an endless answer is not read to its end", async () => {
  let sent = 0;
  const endless = Bun.serve({
    port: 0,
    fetch: () =>
      new Response(
        new ReadableStream({
          pull: (controller) => {
            sent += 1;
            controller.enqueue(new Uint8Array(16_384).fill(97));
          },
        }),
        { status: 500 },
      ),
  });
  sink = openSink({ baseUrl: endless.url.origin });
  const result = await deliver([exampleExchange()]);
  await endless.stop(true);

  expect(outcome(result)).toMatch(/^retry: Langfuse answered 500: a{300}…$/);
  expect(sent).toBeLessThan(1_000);
});

test("the check passes with the right keys and leaves no record", async () => {
  await sink.check?.(AbortSignal.timeout(5_000));
  expect(fake.spans()).toEqual([]);
});

test.each([
  ["wrong keys", () => openSink({ secretKey: "sk-lf-other" }), "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"],
  ["another path", () => openSink({ baseUrl: `${fake.url}/nowhere` }), "check LANGFUSE_BASE_URL"],
  ["nobody there", () => openSink({ baseUrl: "http://127.0.0.1:1" }), "could not be reached"],
])("the check fails with %s and says what to do", async (_, open, advice) => {
  const failure = await open().check?.(AbortSignal.timeout(5_000)).catch(String);
  expect(failure).toContain(advice);
});

const png = Buffer.from("a picture ".repeat(500)).toString("base64");
const withPicture: Partial<Exchange> = {
  input: {
    messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${png}` } }] }],
  },
};

function urlOf(span: { attributes: Readonly<Record<string, unknown>> } | undefined): string | undefined {
  const input = String(span?.attributes["langfuse.observation.input"]);
  return /"url":"([^"]*)"/.exec(input)?.[1];
}

test("a picture is uploaded, confirmed and referenced", async () => {
  expect(await deliver([exampleExchange(withPicture)])).toMatchObject({ kind: "delivered" });

  const [medium] = fake.media();
  expect(medium).toMatchObject({ contentType: "image/png", contentLength: 5_000, uploads: 1, confirmed: true });
  expect(medium?.links).toEqual(["0af7651916cd43dd8448eb211c80319c/b7ad6b7169203331/input"]);
  expect(urlOf(fake.spans()[0])).toBe(
    `@@@langfuseMedia:type=image/png|id=${medium?.mediaId}|source=base64_data_uri@@@`,
  );
});

test("a sound of a few bytes is uploaded as it is", async () => {
  const input_audio = { data: btoa("beep"), format: "wav" };
  await deliver([exampleExchange({ input: [{ role: "user", content: [{ type: "input_audio", input_audio }] }] })]);

  const [medium] = fake.media();
  expect(medium).toMatchObject({ contentType: "audio/wav", confirmed: true });
  expect(new TextDecoder().decode(medium?.bytes)).toBe("beep");
});

test("the same picture in many exchanges is uploaded once", async () => {
  await deliver(exampleExchanges(5, () => withPicture));
  await deliver(exampleExchanges(5, () => withPicture));

  expect(fake.media().map(({ uploads }) => uploads)).toEqual([1]);
  expect(fake.requests().filter(({ path }) => path === "/api/public/media")).toHaveLength(1);
  expect(new Set(fake.spans().map(urlOf)).size).toBe(1);
});

test.each(["hang", "500", "400", "put-hang", "put-500"] as const)(
  "with a media store in the state %s an exchange arrives with a short text in place of its picture",
  async (mode) => {
    fake.mediaMode = mode;
    if (mode.endsWith("hang")) sink = openSink({ mediaTimeoutMs: 100 });
    expect(await deliver([exampleExchange(withPicture)])).toMatchObject({ kind: "delivered" });
    expect(urlOf(fake.spans()[0])).toBe("[image/png, 5000 bytes]");
  },
);

test("while the media store hangs, exchanges without media have long arrived", async () => {
  fake.mediaMode = "hang";
  sink = openSink({ mediaTimeoutMs: 60_000 });
  const stop = new AbortController();
  const [plain, heavy] = exampleExchanges(2, (index) => (index === 1 ? withPicture : {}));
  if (plain === undefined || heavy === undefined) throw new Error("no exchanges");
  const delivery = deliver([heavy, plain], stop.signal);

  const spans = await fake.waitFor(({ length }) => length === 1, 20_000);
  expect(spans[0]?.spanId).toBe(plain.span_id);
  stop.abort();
  expect(await delivery).toMatchObject({ kind: "retry" });
});

test("after the media store has hung it is left alone for a while, then asked again", async () => {
  let now = Date.parse("2026-11-20T10:00:00Z");
  sink = openSink({ now: () => now, mediaRestMs: 30_000, mediaTimeoutMs: 1_000 });
  fake.mediaMode = "hang";
  await deliver([exampleExchange(withPicture)]);
  await deliver([exampleExchange(withPicture)]);
  const asked = () => fake.requests().filter(({ path }) => path === "/api/public/media").length;
  expect(asked()).toBe(1);

  now += 30_000;
  fake.mediaMode = "ok";
  await deliver([exampleExchange(withPicture)]);
  expect(asked()).toBe(2);
  expect(urlOf(fake.spans()[0])).toStartWith("@@@langfuseMedia:");
});

test("where Langfuse is down as a whole, no picture is given up", async () => {
  fake.mode = "500";
  fake.mediaMode = "500";
  expect(await deliver([exampleExchange(withPicture)])).toMatchObject({ kind: "retry" });

  fake.mode = "ok";
  fake.mediaMode = "ok";
  await deliver([exampleExchange(withPicture)]);
  expect(urlOf(fake.spans()[0])).toStartWith("@@@langfuseMedia:");
});

test("a picture that is already there is referenced while the media store is left alone", async () => {
  sink = openSink({ mediaTimeoutMs: 1_000 });
  await deliver([exampleExchange(withPicture)]);
  fake.mediaMode = "hang";
  const other = { input: { text: `data:image/png;base64,${btoa("another")}` } };
  await deliver([exampleExchange(other)]);

  await deliver([exampleExchange(withPicture)]);
  expect(urlOf(fake.spans()[0])).toStartWith("@@@langfuseMedia:");
});
