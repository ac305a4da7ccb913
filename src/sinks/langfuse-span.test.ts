import { expect, test } from "bun:test";

import { exampleExchange } from "../../test/fakes/exchanges.ts";
import { type DecodedSpan, decodeOtlp } from "../../test/fakes/otlp-decode.ts";
import type { Exchange } from "../domain/exchange.ts";
import { sumUsage } from "../domain/usage.ts";
import { encodeLangfuseSpan, type LangfuseDefaults, normalEnvironment } from "./langfuse-span.ts";
import { encodeExport } from "./otlp-json.ts";

const plenty = 3_900_000;

function spanOf(different: Partial<Exchange>, defaults: LangfuseDefaults = {}): DecodedSpan {
  const exchange = exampleExchange(different);
  return decode(encodeLangfuseSpan(exchange, exchange.input, defaults, plenty));
}

function decode(encoded: string): DecodedSpan {
  const [span] = decodeOtlp(encodeExport([encoded], { service: "weir", version: "1.2.3" }));
  if (span === undefined) throw new Error("no span");
  return span;
}

/** Attributes by their names after `langfuse.observation.`, JSON parsed. */
function observation({ attributes }: DecodedSpan): Record<string, unknown> {
  const prefix = "langfuse.observation.";
  const named = Object.entries(attributes).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(named.map(([key, value]) => [key.slice(prefix.length), parsed(value)]));
}

function metadata({ attributes }: DecodedSpan): Record<string, unknown> {
  const prefix = "langfuse.trace.metadata.";
  const named = Object.entries(attributes).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(named.map(([key, value]) => [key.slice(prefix.length), value]));
}

function parsed(value: unknown): unknown {
  return typeof value === "string" && /^[[{]/.test(value) ? JSON.parse(value) : value;
}

test("a chat exchange is one span with exactly these attributes", () => {
  const span = spanOf({
    attribution: {
      user: "Zoë",
      session: "s-1",
      tags: ["beta", "vision"],
      metadata: { org: "o1", limits: { n: 5 } },
      release: "r-7",
      version: "v-2",
      prompt_name: "greet",
      prompt_version: 3,
    },
    modalities: ["vision"],
    cost_nano_usd: "83700",
    cost: {
      source: "genai-prices",
      lines: [
        { bucket: "input", quantity: 12, usd_per_million: "2.5", nano_usd: "30000" },
        { bucket: "input_cached", quantity: 8, usd_per_million: "1.25", nano_usd: "10000" },
        { bucket: "output", quantity: 9, usd_per_million: "10", nano_usd: "43700" },
      ],
    },
    project_id: "p-1",
    token_id: "t-1",
  });

  expect(span).toEqual({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    name: "gpt-4o-2024-08-06",
    kind: 3,
    startMs: Date.parse("2026-11-20T10:00:00.000Z"),
    endMs: Date.parse("2026-11-20T10:00:01.300Z"),
    status: {},
    links: [],
    resource: { "service.name": "weir", "service.version": "1.2.3" },
    scope: { name: "weir", version: "1.2.3" },
    attributes: {
      "langfuse.trace.name": "/v1/chat/completions",
      "user.id": "Zoë",
      "session.id": "s-1",
      "langfuse.trace.tags": ["vision", "beta"],
      "langfuse.release": "r-7",
      "langfuse.version": "v-2",
      "langfuse.trace.metadata.org": "o1",
      "langfuse.trace.metadata.limits": '{"n":5}',
      "langfuse.trace.metadata.method": "POST",
      "langfuse.trace.metadata.path": "/v1/chat/completions",
      "langfuse.trace.metadata.status": 200,
      "langfuse.trace.metadata.streaming": true,
      "langfuse.trace.metadata.transport": "http",
      "langfuse.trace.metadata.outcome": "answered",
      "langfuse.trace.metadata.provider": "openai",
      "langfuse.trace.metadata.request_model": "gpt-4o",
      "langfuse.trace.metadata.finish_reason": "stop",
      "langfuse.trace.metadata.ttfb_ms": 800,
      "langfuse.trace.metadata.total_ms": 1300,
      "langfuse.trace.metadata.overhead_ms": 0.4,
      "langfuse.trace.metadata.request_bytes": 120,
      "langfuse.trace.metadata.response_bytes": 900,
      "langfuse.trace.metadata.usage_source": "provider",
      "langfuse.trace.metadata.price_source": "genai-prices",
      "langfuse.trace.metadata.exchange_id": "0199f000-0000-7000-8000-000000000001",
      "langfuse.trace.metadata.response_id": "chatcmpl-1",
      "langfuse.trace.metadata.project_id": "p-1",
      "langfuse.trace.metadata.token_id": "t-1",
      "langfuse.trace.metadata.truncated": false,
      "langfuse.observation.type": "generation",
      "langfuse.observation.input": '{"messages":[{"role":"user","content":"Hi"}]}',
      "langfuse.observation.output": '{"role":"assistant","content":"Hello"}',
      "langfuse.observation.model.name": "gpt-4o-2024-08-06",
      "langfuse.observation.model.parameters": '{"temperature":0.2,"stream":true}',
      "langfuse.observation.usage_details":
        '{"input":12,"input_cached_tokens":8,"output":5,"output_reasoning_tokens":4,"total":29}',
      "langfuse.observation.cost_details":
        '{"input":0.00003,"input_cached_tokens":0.00001,"output":0.0000437,"total":0.0000837}',
      "langfuse.observation.completion_start_time": "2026-11-20T10:00:00.800Z",
      "langfuse.observation.prompt.name": "greet",
      "langfuse.observation.prompt.version": 3,
    },
  });
});

test("no number is sent as an integer, which some Langfuse servers can't read", () => {
  const encoded = encodeLangfuseSpan(exampleExchange(), {}, {}, plenty);
  expect(encoded).not.toContain("intValue");
});

test("an Anthropic exchange with caches has every bucket apart, and what the model thought and called", () => {
  const span = spanOf({
    provider: "anthropic",
    dialect: "anthropic-messages",
    path: "/v1/messages",
    model: "claude-sonnet-4-6",
    usage: sumUsage(
      { input: 100, input_cached: 30, input_cache_write_5m: 15, input_cache_write_1h: 5, output: 40, requests: 2 },
      { source: "provider" },
    ),
    output: {
      kind: "choices",
      choices: [
        {
          index: 0,
          text: "Let me look.",
          reasoning: "The user wants weather.",
          tool_calls: [
            { id: "toolu_1", name: "weather", arguments: { city: "Zürich" } },
            { name: "search", arguments: '{"q":"x"}', server: "web_search" },
          ],
          finish_reason: "tool_use",
        },
      ],
    },
  });

  expect(observation(span)).toMatchObject({
    usage_details: {
      input: 100,
      input_cached_tokens: 30,
      input_cache_creation_5m: 15,
      input_cache_creation_1h: 5,
      output: 40,
      total: 190,
    },
    output: {
      role: "assistant",
      content: "Let me look.",
      thinking: [{ type: "thinking", content: "The user wants weather." }],
      tool_calls: [
        { id: "toolu_1", type: "function", function: { name: "weather", arguments: '{"city":"Zürich"}' } },
        { id: "", type: "function", function: { name: "search", arguments: '{"q":"x"}' }, server: "web_search" },
      ],
    },
  });
  expect(metadata(span)).toMatchObject({ requests: 2, finish_reason: "tool_use" });
  expect(observation(span)).not.toHaveProperty("cost_details");
});

test("several choices are a list of messages", () => {
  const choices = [
    { index: 0, text: "A", finish_reason: "stop" },
    { index: 1, refusal: "No.", finish_reason: "length" },
  ];
  const span = spanOf({ output: { kind: "choices", choices } });

  expect(observation(span)["output"]).toEqual([
    { role: "assistant", content: "A" },
    { role: "assistant", content: "", refusal: "No." },
  ]);
  expect(metadata(span)["finish_reason"]).toBe("stop,length");
});

test("an embedding is an embedding, its vectors summarised", () => {
  const span = spanOf({
    kind: "embedding",
    output: { kind: "vectors", count: 2, dimensions: 1536 },
    usage: sumUsage({ input: 5 }, { source: "provider" }),
    modalities: ["embedding"],
  });

  expect(observation(span)).toMatchObject({
    type: "embedding",
    output: { vectors: 2, dimensions: 1536 },
    usage_details: { input: 5, total: 5 },
  });
  expect(span.attributes["langfuse.trace.tags"]).toEqual(["embedding"]);
});

test("what is no work of a model is a span without model, usage and cost", () => {
  const span = spanOf({
    kind: "other",
    method: "GET",
    path: "/v1/models",
    model: undefined,
    usage: sumUsage({}, { source: "none" }),
  });

  expect(span.name).toBe("/v1/models");
  expect(Object.keys(observation(span)).toSorted()).toEqual(["input", "output", "type"]);
  expect(observation(span)["type"]).toBe("span");
});

test("a refusal is an error with its reason, and with the consumer's user and session", () => {
  const span = spanOf({
    status: 401,
    outcome: "refused",
    cause: "token_expired",
    error: { message: "This token has expired" },
    output: undefined,
    usage: sumUsage({}, { source: "none" }),
    attribution: { user: "u", session: "s" },
  });

  expect(observation(span)).toMatchObject({ level: "ERROR", status_message: "This token has expired" });
  expect(observation(span)).not.toHaveProperty("usage_details");
  expect(span.status).toEqual({ code: 2, message: "This token has expired" });
  expect(span.attributes).toMatchObject({ "user.id": "u", "session.id": "s" });
  expect(metadata(span)).toMatchObject({ outcome: "refused", cause: "token_expired", status: 401 });
});

test("an upstream's own error is an error, even without a message", () => {
  const span = spanOf({ status: 502, output: { kind: "text", text: "<html>" } });
  expect(observation(span)).toMatchObject({ level: "ERROR", status_message: "HTTP 502" });
});

test("a consumer who left is a warning with what had come until then", () => {
  const span = spanOf({ outcome: "aborted", cause: "client_closed", status: undefined });

  expect(observation(span)).toMatchObject({
    level: "WARNING",
    status_message: "client_closed",
    output: { role: "assistant", content: "Hello" },
    usage_details: { total: 29 },
  });
  expect(span.status).toEqual({});
  expect(metadata(span)).not.toHaveProperty("status");
});

test("a joined trace has a parent, and a linked one a link", () => {
  const linked_trace = { trace_id: "1".repeat(32), span_id: "2".repeat(16) };
  const span = spanOf({ parent_span_id: "3".repeat(16), linked_trace });

  expect(span.parentSpanId).toBe("3".repeat(16));
  expect(span.links).toEqual([{ traceId: "1".repeat(32), spanId: "2".repeat(16) }]);
});

test("a consumer's metadata never overrides a fact, not even one that is absent", () => {
  const given = { status: 999, token_id: "forged", truncated: "no", mine: 1, nothing: null };
  const facts = metadata(spanOf({ attribution: { metadata: given } }));

  expect(facts).toMatchObject({ status: 200, truncated: false, mine: 1 });
  expect(facts).not.toHaveProperty("token_id");
  expect(facts).not.toHaveProperty("nothing");
});

test("a consumer's trace name, environment and release win over the operator's", () => {
  const operator = { environment: "production", release: "r-1" };
  const own = spanOf({ attribution: { trace_name: "chat", environment: "Staging EU", release: "r-2" } }, operator);
  const none = spanOf({}, operator);

  expect(own.attributes).toMatchObject({
    "langfuse.trace.name": "chat",
    "langfuse.environment": "staging-eu",
    "langfuse.release": "r-2",
    "langfuse.trace.metadata.deployment_environment": "Staging EU",
  });
  expect(none.attributes).toMatchObject({ "langfuse.environment": "production", "langfuse.release": "r-1" });
});

test.each([
  ["Production", "production"],
  ["prod/eu west.1", "prod-eu-west-1"],
  ["langfuse-prod", "-prod"],
  ["LangfuseLangfuse", undefined],
  ["x".repeat(60), "x".repeat(40)],
  ["", undefined],
  [undefined, undefined],
])("the environment %p is sent as %p", (given, sent) => {
  expect(normalEnvironment(given)).toBe(sent);
});

test("a prompt is named only together with its version", () => {
  const span = spanOf({ attribution: { prompt_name: "greet" } });
  expect(observation(span)).not.toHaveProperty("prompt.name");
});

test("a body that was cut before is said to be truncated", () => {
  const span = spanOf({ request: { bytes: 5_000_000, dropped_bytes: 4_000_000 } });
  expect(metadata(span)).toMatchObject({ truncated: true, request_bytes: 5_000_000 });
});

test("an exchange that is too large keeps its parameters, its latest message and its facts", () => {
  const messages = Array.from({ length: 50 }, (_, index) => ({
    role: "user",
    content: `${index} ${'ä"'.repeat(1000)}`,
  }));
  const exchange = exampleExchange({ input: { messages: [...messages, { role: "user", content: "latest?" }] } });
  const encoded = encodeLangfuseSpan(exchange, exchange.input, {}, 40_000);
  const span = decode(encoded);

  expect(Buffer.byteLength(encoded)).toBeLessThanOrEqual(40_000);
  expect(observation(span)["model.parameters"]).toEqual({ temperature: 0.2, stream: true });
  expect(observation(span)["output"]).toEqual({ role: "assistant", content: "Hello" });
  expect(metadata(span)).toMatchObject({ truncated: true, status: 200 });
  const kept = observation(span)["input"] as { messages: { content: string }[] };
  expect(kept.messages.at(-1)?.content).toBe("latest?");
  expect(kept.messages.length).toBeGreaterThan(3);
  expect(kept.messages.at(-2)?.content).toStartWith("49 ");
});

test("a cost keeps every digit", () => {
  const lines = [
    { bucket: "input" as const, quantity: 1, nano_usd: "100000000" },
    { bucket: "output" as const, quantity: 1, nano_usd: "200000000" },
    { bucket: "requests" as const, quantity: 1, nano_usd: "3" },
  ];
  const span = spanOf({ cost_nano_usd: "300000003", cost: { lines, source: "config" } });
  expect(observation(span)["cost_details"]).toEqual({ input: 0.1, output: 0.2, requests: 3e-9, total: 0.300000003 });
});

test("a cost that the provider stated is a total alone, and an unknown price is none", () => {
  const lines = [{ bucket: "stated" as const, quantity: 1, nano_usd: "1234567" }];
  const stated = spanOf({ cost_nano_usd: "1234567", cost: { lines, source: "provider" } });
  const unknown = spanOf({ unpriced: true });

  expect(observation(stated)["cost_details"]).toEqual({ total: 0.001234567 });
  expect(observation(unknown)).not.toHaveProperty("cost_details");
  expect(metadata(unknown)["unpriced"]).toBe(true);
});
