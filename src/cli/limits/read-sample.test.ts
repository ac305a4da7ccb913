import { expect, test } from "bun:test";
import { summarizeExchange } from "../../domain/exchange-summary.ts";
import type { Exchange } from "../../domain/exchange.ts";
import { createEstimator } from "../../limits/estimate.ts";
import { readRequestNote } from "../../limits/read-request.ts";
import { findDialect } from "../../providers/find-dialect.ts";
import { anthropic, gemini, openai } from "../../providers/index.ts";
import { createSampleReader, findReason, type Reason, type Sample } from "./read-sample.ts";

const estimation = {
  maxSampleBytes: 2_000,
  bytesPerToken: 4,
  charsPerToken: 4,
  providerCharsPerToken: { openai: 5, anthropic: 3 },
};
const providers = { openai, anthropic, gemini };

type Sent = { readonly to: keyof typeof providers; readonly path: string; readonly body: string };

/** An exchange as the log has it of a call with this body. */
function exchangeOf({ to, path, body }: Sent, different: Partial<Exchange> = {}): Exchange {
  const dialect = findDialect(providers[to], "POST", path);
  const { input, parameters, modalities } = dialect.readRequest(JSON.parse(body), { method: "POST", path });
  const at = "2026-03-01T10:00:00.000Z";
  return {
    schema: 1,
    id: Bun.randomUUIDv7(),
    trace_id: "0af7651916cd43dd8448eb211c80319c",
    span_id: "b7ad6b7169203331",
    kind: "generation",
    transport: "http",
    provider: to,
    dialect: dialect.name,
    method: "POST",
    path,
    streaming: false,
    status: 200,
    outcome: "answered",
    started_at: at,
    ended_at: at,
    overhead_ms: 1,
    duration_ms: 1,
    request: { bytes: Buffer.byteLength(body), content_type: "application/json; charset=utf-8" },
    response: { bytes: 1 },
    input,
    ...(parameters && { parameters }),
    ...(modalities && { modalities }),
    usage: { source: "provider", input: 80, input_cached: 20, output: 7, total: 107 },
    attribution: {},
    ...different,
  };
}

function read(sent: Sent, different: Partial<Exchange> = {}): Sample {
  const exchange = exchangeOf(sent, different);
  const { input, parameters, output, ...facts } = exchange;
  const summary = summarizeExchange(exchange);
  const reason = findReason(summary);
  if (reason) return { kind: "left_out", reason };
  return createSampleReader(estimation)(summary, facts, {
    input,
    ...(parameters && { parameters }),
    ...(output && { output }),
  });
}

const chat = (members: object, indent?: number): Sent => ({
  to: "openai",
  path: "/v1/chat/completions",
  body: JSON.stringify({ model: "gpt-4o", ...members }, undefined, indent),
});
const responses = (members: object): Sent => ({ ...chat({ input: "Hello", ...members }), path: "/v1/responses" });
const say = (content: unknown) => ({ messages: [{ role: "user", content }] });
const tool = { name: "find", description: "Finds 😀", parameters: { type: "object", required: ["a", 1, null] } };

const texts: readonly Sent[] = [
  chat({ ...say("Grüße, 世界 😀\n\\"), max_tokens: 5, user: "ada", metadata: { a: "not said" } }),
  chat({ ...say([{ type: "text", text: "Hello" }]), tools: [{ type: "function", function: tool }] }, 4),
  chat({ messages: [{ role: "assistant", content: null, tool_calls: [{ function: { arguments: '{"a":"b"}' } }] }] }),
  { ...chat({ messages: 0 }), body: String.raw`{"messages":[{"content":"\u00e4\ud83d\ude00\u4e16"}],"stop":["x"]}` },
  responses({ instructions: "Be short", tools: [{ type: "function", ...tool }] }),
  responses({ input: [{ role: "user", content: [{ type: "input_text", text: "Hello" }] }], tool_choice: "auto" }),
  { to: "openai", path: "/v1/embeddings", body: JSON.stringify({ input: ["one", "two"], dimensions: 3 }) },
  {
    to: "anthropic",
    path: "/v1/messages",
    body: JSON.stringify({ system: [{ type: "text", text: "Be short" }], max_tokens: 5, ...say("Hi"), tools: [tool] }),
  },
  {
    to: "gemini",
    path: "/v1beta/models/gemini-2.5-flash:generateContent",
    body: JSON.stringify({
      systemInstruction: { parts: [{ text: "Be short" }] },
      contents: [{ parts: [{ text: "Hello" }] }],
      generationConfig: { maxOutputTokens: 5 },
      tools: [{ functionDeclarations: [tool] }],
    }),
  },
];

test("text is counted and estimated from the log exactly as it was when it was sent", () => {
  const estimator = createEstimator(estimation);
  for (const sent of texts) {
    const dialect = findDialect(providers[sent.to], "POST", sent.path).name;
    const bytes = new TextEncoder().encode(sent.body);
    const note = readRequestNote(dialect, bytes, sent.path, estimation.maxSampleBytes);
    const about = { provider: sent.to, dialect, note, knownBytes: bytes.length, works: true };
    expect([sent.body, read(sent)]).toEqual([
      sent.body,
      {
        kind: "measured",
        provider: sent.to,
        by: "characters",
        units: note.characters ?? -1,
        tokens: 100,
        estimate: estimator.estimate(about).input,
      },
    ]);
  }
});

test("a body that is too large for its text to be counted is measured in the bytes that were sent", () => {
  const sent = chat({ ...say("a b".repeat(800)) }, 40);
  const bytes = sent.body.length;
  expect(read(sent)).toEqual({
    kind: "measured",
    provider: "openai",
    by: "bytes",
    units: bytes,
    tokens: 100,
    estimate: Math.ceil(bytes / 4),
  });
});

test("a compressed body is measured by its text, as long as that is short", () => {
  const request = { bytes: 30, content_encoding: "gzip", content_type: "application/json" };
  expect(read(chat(say("Hello")), { request })).toMatchObject({ by: "characters", units: 5 });
  expect(read(chat(say("a".repeat(3_000))), { request })).toEqual({ kind: "left_out", reason: "partial" });
});

const image = { type: "image_url", image_url: { url: "https://example.com/a.png" } };
const searched = { index: 0, tool_calls: [{ name: "web_search", arguments: "", server: "web_search" }] };
const plain = chat(say("Hello"));
const usage = { source: "provider", input: 100, total: 100 } as const;

test.each<readonly [reason: Reason, sent: Sent, different: Partial<Exchange>]>([
  ["no_work", plain, { kind: "other" }],
  ["cached", plain, { cache: "hit", usage: { source: "none", total: 0 } }],
  ["unanswered", plain, { outcome: "aborted", cause: "client_closed" }],
  ["unanswered", plain, { outcome: "failed", cause: "upstream_incomplete" }],
  ["unanswered", plain, { status: 400 }],
  ["no_usage", plain, { usage: { source: "none", total: 0 } }],
  ["no_usage", plain, { usage: { source: "estimated", input: 100, total: 100 } }],
  ["no_body", plain, { input: undefined }],
  ["partial", plain, { request: { bytes: 5_000_000, dropped_bytes: 4_000_000 } }],
  ["media", chat(say([{ type: "text", text: "See" }, image])), {}],
  ["media", plain, { usage: { ...usage, input: 90, input_audio: 10 } }],
  ["media", chat({ prompt: [1, 2, 3] }), {}],
  ["elsewhere", responses({ previous_response_id: "resp_1" }), {}],
  ["elsewhere", responses({ conversation: { id: "conv_1" } }), {}],
  ["elsewhere", responses({ prompt: { id: "pmpt_1" } }), {}],
  ["elsewhere", responses({ tools: [{ type: "mcp", server_label: "a" }] }), {}],
  ["elsewhere", plain, { transport: "websocket" }],
  ["elsewhere", plain, { usage: { ...usage, requests: 1 } }],
  ["elsewhere", plain, { usage: { ...usage, raw: { toolUsePromptTokenCount: 40 } } }],
  ["elsewhere", plain, { output: { kind: "choices", choices: [searched] } }],
  ["no_text", plain, { request: { bytes: 10, content_type: "multipart/form-data; boundary=a" } }],
  ["no_text", chat({ messages: [] }), {}],
])("what tells nothing is left out: %s", (reason, sent, different) => {
  expect(read(sent, different)).toEqual({ kind: "left_out", reason });
});

test("null in the place of a reference is none", () => {
  expect(read(responses({ previous_response_id: null, conversation: null })).kind).toBe("measured");
});
