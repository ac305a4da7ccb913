import { expect, test } from "bun:test";
import { z } from "zod";
import type { Exchange } from "../src/domain/exchange.ts";
import { writeExchangeSchema } from "./exchange-schema.ts";

const json: unknown = JSON.parse(writeExchangeSchema());
const published = z.fromJSONSchema(json as Parameters<typeof z.fromJSONSchema>[0]);
const accepts = (value: unknown) => published.safeParse(JSON.parse(JSON.stringify(value))).success;

const least: Exchange = {
  schema: 1,
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span_id: "b7ad6b7169203331",
  kind: "other",
  transport: "http",
  method: "GET",
  path: "/v1/models",
  streaming: false,
  outcome: "aborted",
  started_at: "2026-01-02T03:04:05.678Z",
  ended_at: "2026-01-02T03:04:05.690Z",
  overhead_ms: 0.21,
  duration_ms: 12,
  request: { bytes: 0 },
  response: { bytes: 0 },
  usage: { source: "none", total: 0 },
  attribution: {},
};

const most: Exchange = {
  ...least,
  parent_span_id: "00f067aa0ba902b7",
  linked_trace: { trace_id: "4bf92f3577b34da6a3ce929d0e0e4736", span_id: "00f067aa0ba902b7" },
  kind: "generation",
  provider: "openai",
  dialect: "openai-chat",
  method: "POST",
  path: "/v1/chat/completions",
  query: "a=1",
  streaming: true,
  status: 200,
  outcome: "failed",
  cause: "upstream_reset",
  error: { message: "reset", type: "server_error", code: "x" },
  first_byte_ms: 3,
  chunks: 4,
  model: "gpt-4o-2024-08-06",
  request_model: "gpt-4o",
  response_id: "chatcmpl-1",
  upstream_request_id: "req-1",
  request: { content_type: "application/json", content_encoding: "gzip", bytes: 10, dropped_bytes: 3 },
  response: { content_type: "text/event-stream", bytes: 20 },
  input: { messages: [{ role: "user", content: "Hi" }] },
  parameters: { temperature: 0 },
  output: {
    kind: "choices",
    choices: [
      {
        index: 0,
        text: "Hello",
        reasoning: "hm",
        refusal: "no",
        tool_calls: [{ id: "call-1", name: "look", arguments: "{}", server: "web_search", result: [] }],
        media: [{ type: "image/png", bytes: 5, url: "https://example.com/a.png", id: "f" }],
        citations: [{ url: "https://example.com" }],
        finish_reason: "stop",
      },
    ],
  },
  modalities: ["vision"],
  usage: {
    input: 12,
    input_cached: 8,
    output: 5,
    output_reasoning: 4,
    requests: 1,
    total: 29,
    source: "provider",
    raw: {},
    stated_cost_usd: 0.1,
    tier: "flex",
  },
  cost_nano_usd: "123000",
  cost: {
    lines: [{ bucket: "input", quantity: 12, usd_per_million: "2.50", nano_usd: "30000" }],
    source: "genai-prices",
    version: "2026-01-01",
    model: "gpt-4o",
  },
  unpriced: true,
  bodies_shed: true,
  attribution: {
    user: "u",
    session: "s",
    tags: ["a"],
    metadata: { n: 1 },
    trace_name: "t",
    environment: "e",
    release: "r",
    version: "v",
    prompt_name: "p",
    prompt_version: 2,
    request_id: "id",
    ignored: ["X-Langfuse-Metadata is no JSON object."],
  },
  project_id: "p",
  token_id: "t",
  count: 3,
};

test("exchanges fit the published schema, with as little and as much as they may have", () => {
  expect(accepts(least)).toBe(true);
  expect(accepts(most)).toBe(true);
});

test.each([
  { kind: "vectors", count: 2, dimensions: 1536 },
  { kind: "json", value: { a: 1 } },
  { kind: "text", text: "plain" },
  { kind: "binary", type: "audio/mpeg", bytes: 1024 },
] satisfies readonly Exchange["output"][])("an answer that is %j fits", (output) => {
  expect(accepts({ ...least, output })).toBe(true);
});

test("members of a newer writer fit too", () => {
  expect(accepts({ ...most, cache: "hit", usage: { ...most.usage, input_video: 1 } })).toBe(true);
});

test.each([
  { schema: 2 },
  { outcome: "done" },
  { status: null },
  { started_at: 1_700_000_000 },
  { trace_id: "xyz" },
  { cost_nano_usd: "1.5" },
  { usage: { total: 1 } },
  { request: {} },
  { duration_ms: -1 },
  { output: { kind: "picture" } },
])("%j doesn't fit", (wrong) => {
  expect(accepts({ ...least, ...wrong })).toBe(false);
});
