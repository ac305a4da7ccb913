import { afterEach, beforeEach, expect, test } from "bun:test";

import { exampleExchange, exampleExchanges, recordsOf } from "../../test/fakes/exchanges.ts";
import { type DecodedSpan, decodeOtlp } from "../../test/fakes/otlp-decode.ts";
import type { Exchange } from "../domain/exchange.ts";
import { sumUsage } from "../domain/usage.ts";
import type { SettingValues } from "../lib/setting.ts";
import { otlp } from "./otlp.ts";
import type { Sink } from "./sink.ts";

type Received = { readonly path: string; readonly headers: Headers; readonly spans: readonly DecodedSpan[] };

let received: Received[];
let collector: ReturnType<typeof startCollector>;

beforeEach(() => {
  received = [];
  collector = startCollector();
});

afterEach(() => collector.stop(true));

/** A collector that takes everything with the status that it is asked for. */
function startCollector() {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const url = new URL(request.url);
      const body = new Uint8Array(await request.arrayBuffer());
      const plain = request.headers.get("content-encoding") === "gzip" ? Bun.gunzipSync(body) : body;
      const spans = decodeOtlp(new TextDecoder().decode(plain));
      received.push({ path: url.pathname, headers: request.headers, spans });
      return new Response("{}", { status: Number(request.headers.get("x-answer") ?? 200) });
    },
  });
}

type Values = SettingValues<typeof otlp.settings>;

function valuesOf(env: Readonly<Record<string, string>>): Values {
  const read = Object.entries(otlp.settings).map(([name, setting]) => [name, setting.schema.parse(env[setting.env])]);
  return Object.fromEntries(read) as Values;
}

const exchangeLog = { database: { driver: "sqlite", path: "exchanges.db" }, keepsRows: true, durable: false } as const;

function open(env: Readonly<Record<string, string>>): Sink | Promise<Sink> {
  return otlp.open(valuesOf(env), { fetch, now: Date.now, dataDir: ".", version: "1.2.3", exchangeLog });
}

async function spanOf(different: Partial<Exchange>): Promise<DecodedSpan> {
  const sink = await open({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.origin });
  await sink.deliver(recordsOf([exampleExchange(different)]), AbortSignal.timeout(5_000));
  const span = received[0]?.spans[0];
  if (span === undefined) throw new Error("nothing arrived");
  return span;
}

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }, "http://c:4318/v1/traces"],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318/" }, "http://c:4318/v1/traces"],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c/otlp/v1/traces" }, "http://c/otlp/v1/traces"],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c/spans" }, "http://c/spans"],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://d/x" }, "http://d/x"],
])("with %p spans go to %s", async (env: Record<string, string>, target) => {
  expect(otlp.enabled(valuesOf(env))).toBe(true);
  expect((await open(env)).target).toBe(target);
});

test("without an endpoint it is off", () => {
  expect(otlp.enabled(valuesOf({ OTEL_EXPORTER_OTLP_HEADERS: "a=b" }))).toBe(false);
});

test("headers are sent with their values decoded, and the service's name with every span", async () => {
  const sink = await open({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.origin,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret-key,x-tenant=a",
    OTEL_SERVICE_NAME: "gateway-eu",
  });
  const result = await sink.deliver(recordsOf(exampleExchanges(3)), AbortSignal.timeout(5_000));

  expect(result).toEqual({ kind: "delivered", rejected: [] });
  expect(received).toHaveLength(1);
  expect(received[0]?.headers.get("authorization")).toBe("Bearer s3cret-key");
  expect(received[0]?.spans).toHaveLength(3);
  expect(received[0]?.spans[0]?.resource).toEqual({ "service.name": "gateway-eu", "service.version": "1.2.3" });
});

test("a chat exchange is a span by the GenAI conventions", async () => {
  const span = await spanOf({
    parameters: { temperature: 0.2, max_tokens: 100, stop: ["\n"], n: 1, seed: 7 },
    attribution: { user: "u", session: "s", tags: ["beta"], environment: "prod" },
    cost_nano_usd: "83700",
  });

  expect(span).toMatchObject({ name: "chat gpt-4o", kind: 3, status: {} });
  expect(span.attributes).toEqual({
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.conversation.id": "s",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.stream": true,
    "gen_ai.request.max_tokens": 100,
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.seed": 7,
    "gen_ai.request.stop_sequences": ["\n"],
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.time_to_first_chunk": 0.8,
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.output_tokens": 9,
    "gen_ai.usage.cache_read.input_tokens": 8,
    "gen_ai.usage.reasoning.output_tokens": 4,
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]',
    "gen_ai.output.messages":
      '[{"role":"assistant","parts":[{"type":"text","content":"Hello"}],"finish_reason":"stop"}]',
    "http.request.method": "POST",
    "http.request.body.size": 120,
    "http.response.status_code": 200,
    "http.response.body.size": 900,
    "url.path": "/v1/chat/completions",
    "user.id": "u",
    "session.id": "s",
    "deployment.environment.name": "prod",
    "weir.exchange.id": "0199f000-0000-7000-8000-000000000001",
    "weir.outcome": "answered",
    "weir.overhead_ms": 0.4,
    "weir.first_byte_ms": 800,
    "weir.tags": ["beta"],
    "weir.usage.source": "provider",
    "weir.cost.nano_usd": 83700,
  });
});

test("Gemini's parameters and caches are read where Gemini has them", async () => {
  const span = await spanOf({
    provider: "gemini",
    dialect: "gemini-generate",
    parameters: { generationConfig: { topK: 40, maxOutputTokens: 9, stopSequences: ["x"], candidateCount: 2 } },
    usage: sumUsage({ input: 1, input_cache_write_5m: 2, input_cache_write_1h: 3, output: 4 }, { source: "provider" }),
  });

  expect(span.attributes).toMatchObject({
    "gen_ai.operation.name": "generate_content",
    "gen_ai.provider.name": "gcp.gemini",
    "gen_ai.request.top_k": 40,
    "gen_ai.request.max_tokens": 9,
    "gen_ai.request.choice.count": 2,
    "gen_ai.request.stop_sequences": ["x"],
    "gen_ai.usage.input_tokens": 6,
    "gen_ai.usage.cache_write.input_tokens": 5,
  });
});

test("a failure has its type and its message, and a consumer who left is none", async () => {
  const failed = await spanOf({
    status: 504,
    outcome: "failed",
    cause: "upstream_timeout",
    error: { message: "too slow" },
  });
  expect(failed.attributes["error.type"]).toBe("upstream_timeout");
  expect(failed.status).toEqual({ code: 2, message: "too slow" });

  received.length = 0;
  const left = await spanOf({ outcome: "aborted", cause: "client_closed" });
  expect(left.attributes).not.toHaveProperty("error.type");
  expect(left.attributes["weir.cause"]).toBe("client_closed");
  expect(left.status).toEqual({});
});

test("an embedding says how many dimensions, and what is no work of a model has no operation", async () => {
  const embedding = await spanOf({ kind: "embedding", output: { kind: "vectors", count: 2, dimensions: 1536 } });
  expect(embedding.name).toBe("embeddings gpt-4o");
  expect(embedding.attributes["gen_ai.embeddings.dimension.count"]).toBe(1536);

  received.length = 0;
  const models = await spanOf({
    kind: "other",
    method: "GET",
    path: "/v1/models",
    model: undefined,
    request_model: undefined,
  });
  expect(models.name).toBe("GET");
  expect(models.attributes).not.toHaveProperty("gen_ai.operation.name");
});

test("no media goes to a collector", async () => {
  const content = [{ type: "image_url", image_url: { url: `data:image/png;base64,${btoa("picture")}` } }];
  const span = await spanOf({ input: { messages: [{ role: "user", content }] } });
  expect(String(span.attributes["gen_ai.input.messages"])).toContain("[image/png, 7 bytes]");
});

test("the check sends no span, and says which setting to look at", async () => {
  const sink = await open({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.origin });
  await sink.check?.(AbortSignal.timeout(5_000));
  expect(received.map(({ spans }) => spans.length)).toEqual([0]);

  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.origin, OTEL_EXPORTER_OTLP_HEADERS: "x-answer=401" };
  const refused = await open(env);
  const failure = await refused.check?.(AbortSignal.timeout(5_000)).catch(String);
  expect(failure).toContain("check OTEL_EXPORTER_OTLP_HEADERS");
});
