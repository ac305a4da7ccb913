import { afterEach, beforeEach, expect, test } from "bun:test";

import { encodeExport, encodeSpan, type Span } from "../../src/sinks/otlp-json.ts";
import { type FakeLangfuse, type FakeLangfuseSpan, startFakeLangfuse } from "./langfuse.ts";

let fake: FakeLangfuse;

beforeEach(() => {
  fake = startFakeLangfuse();
});

afterEach(() => fake.stop());

const span: Span = {
  traceId: "a".repeat(32),
  spanId: "b".repeat(16),
  name: "x",
  startMs: 1_763_632_800_000,
  endMs: 1_763_632_801_000,
  attributes: { text: "ä", flag: true, double: 1.5, integer: 7n, list: ["a"] },
};
const body = encodeExport([encodeSpan(span)], { service: "s", version: "1" });

type Sent = {
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
  readonly url?: string;
};

function send({ body: given = body, headers = {}, url = fake.url }: Sent = {}): Promise<Response> {
  const authorization = `Basic ${btoa(`${fake.publicKey}:${fake.secretKey}`)}`;
  return fetch(`${url}/api/public/otel/v1/traces`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json", "x-langfuse-ingestion-version": "4", ...headers },
    body: given,
  });
}

test("a span is taken with its values as plain values, and counted each time", async () => {
  expect((await send()).status).toBe(200);
  expect((await send({ body: Bun.gzipSync(body), headers: { "content-encoding": "gzip" } })).status).toBe(200);

  expect(fake.spans()).toMatchObject([
    {
      traceId: "a".repeat(32),
      spanId: "b".repeat(16),
      startMs: 1_763_632_800_000,
      endMs: 1_763_632_801_000,
      attributes: { text: "ä", flag: true, double: 1.5, integer: 7, list: ["a"] },
      resource: { "service.name": "s" },
      deliveries: 2,
    },
  ]);
});

test.each([
  ["a short trace id", { body: body.replace("a".repeat(32), "a".repeat(31)) }],
  ["a span id that is no hex", { body: body.replace("b".repeat(16), "x".repeat(16)) }],
  [
    "attributes that are an object",
    { body: body.replace(/"attributes":\[\{"key":"text".*\],"status"/, '"attributes":{},"status"') },
  ],
  ["a value that is no value", { body: body.replace('{"stringValue":"ä"}', '"ä"') }],
  ["a value of two kinds", { body: body.replace('{"stringValue":"ä"}', '{"stringValue":"ä","boolValue":true}') }],
  ["a text that is none", { body: body.replace('{"stringValue":"ä"}', '{"stringValue":1}') }],
  ["an end before the start", { body: body.replace("1763632801000000000", "1763632799000000000") }],
  ["half a JSON", { body: body.slice(0, -3) }],
  ["another version", { headers: { "x-langfuse-ingestion-version": "5" } }],
  ["another type", { headers: { "content-type": "application/x-protobuf" } }],
  ["gzip that is none", { headers: { "content-encoding": "gzip" } }],
] as [string, Sent][])("an export with %s is refused whole", async (_, sent) => {
  expect((await send(sent)).status).toBe(400);
  expect(fake.spans()).toEqual([]);
  expect(fake.faults()).toHaveLength(1);
});

test("wrong keys and the old ingestion are refused", async () => {
  expect((await send({ headers: { authorization: "Basic eDp5" } })).status).toBe(401);
  const old = await fetch(`${fake.url}/api/public/ingestion`, { method: "POST", body: '{"batch":[]}' });
  expect(old.status).toBe(400);
});

test("after a stop nobody listens, after a restart the same port has what there was", async () => {
  await send();
  await fake.stop();
  expect(await send().catch(() => "refused")).toBe("refused");
  fake.restart();
  await send();
  expect(fake.spans()[0]?.deliveries).toBe(2);
});

test("waiting gives what was waited for, or says what is there instead", async () => {
  const waiting = fake.waitFor(({ length }) => length === 1);
  await send();
  expect(await waiting).toHaveLength(1);
  const failure = await fake.waitFor(({ length }) => length === 2, 20).catch(String);
  expect(failure).toMatch(/x b{16} ×1/);
});

test("as a process of its own it is read and set over HTTP", async () => {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/langfuse.ts`, "--port", "0"], { stdout: "pipe" });
  const first = await child.stdout.getReader().read();
  const url = new TextDecoder().decode(first.value).trim();
  await send({ url });
  const spans = (await (await fetch(`${url}/__spans`)).json()) as FakeLangfuseSpan[];
  expect(spans.map(({ spanId, deliveries }) => ({ spanId, deliveries }))).toEqual([
    { spanId: span.spanId, deliveries: 1 },
  ]);

  await fetch(`${url}/__mode`, { method: "POST", body: "500" });
  expect((await send({ url })).status).toBe(500);
  expect((await fetch(`${url}/__mode`, { method: "POST", body: "nonsense" })).status).toBe(400);
  child.kill();
  await child.exited;
});
