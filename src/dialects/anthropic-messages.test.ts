import { expect, test } from "bun:test";
import { anthropicMessages } from "./anthropic-messages.ts";
import { readAnthropicUsage } from "./anthropic-usage.ts";
import type { Answer } from "./dialect.ts";

const place = { method: "POST", path: "/v1/messages" };

function readWhole(value: unknown): Answer {
  const builder = anthropicMessages.createAnswer(place);
  builder.whole(value);
  return builder.answer();
}

function readEvents(events: readonly { readonly type: string; readonly [member: string]: unknown }[]): Answer {
  const builder = anthropicMessages.createAnswer(place);
  for (const event of events) builder.event(event.type, event);
  return builder.answer();
}

const start = {
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-sonnet-4-5",
    content: [],
    stop_reason: null,
    usage: {
      input_tokens: 100,
      cache_creation_input_tokens: 20,
      cache_read_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 0 },
      output_tokens: 1,
      service_tier: "standard",
    },
  },
};

const block = (index: number, content_block: unknown) => ({ type: "content_block_start", index, content_block });
const delta = (index: number, change: unknown) => ({ type: "content_block_delta", index, delta: change });
const stop = (index: number) => ({ type: "content_block_stop", index });

const citation = { type: "web_search_result_location", url: "https://example.com", cited_text: "Rain" };
const found = [{ type: "web_search_result", url: "https://example.com", title: "Weather" }];
const sealed = found.map((result) => ({ ...result, encrypted_content: "c2VhbGVk" }));

const stream = [
  start,
  { type: "ping" },
  block(0, { type: "thinking", thinking: "", signature: "" }),
  delta(0, { type: "thinking_delta", thinking: "Let me " }),
  delta(0, { type: "thinking_delta", thinking: "think." }),
  delta(0, { type: "signature_delta", signature: "c2ln" }),
  stop(0),
  block(1, { type: "redacted_thinking", data: "b3BhcXVl" }),
  stop(1),
  block(2, { type: "server_tool_use", id: "srv_1", name: "web_search", input: {} }),
  delta(2, { type: "input_json_delta", partial_json: '{"query":' }),
  delta(2, { type: "input_json_delta", partial_json: '"rain"}' }),
  stop(2),
  block(3, { type: "web_search_tool_result", tool_use_id: "srv_1", content: sealed }),
  stop(3),
  block(4, { type: "text", text: "It " }),
  delta(4, { type: "text_delta", text: "will " }),
  stop(4),
  block(5, { type: "text", text: "", citations: [] }),
  delta(5, { type: "citations_delta", citation }),
  delta(5, { type: "text_delta", text: "rain." }),
  stop(5),
  block(6, { type: "tool_use", id: "tool_1", name: "umbrella", input: {} }),
  delta(6, { type: "input_json_delta", partial_json: "" }),
  delta(6, { type: "input_json_delta", partial_json: '{"open":tr' }),
  delta(6, { type: "input_json_delta", partial_json: "ue}" }),
  stop(6),
  block(7, { type: "tool_use", id: "tool_2", name: "now", input: {} }),
  stop(7),
  { type: "message_delta", delta: { stop_reason: null }, usage: { output_tokens: 10 } },
  {
    type: "message_delta",
    delta: { stop_reason: "tool_use", stop_sequence: null },
    usage: {
      input_tokens: null,
      cache_read_input_tokens: null,
      output_tokens: 40,
      output_tokens_details: { thinking_tokens: 15 },
      server_tool_use: { web_search_requests: 1 },
    },
  },
  { type: "message_stop" },
];

const whole = {
  ...start.message,
  stop_reason: "tool_use",
  stop_sequence: null,
  content: [
    { type: "thinking", thinking: "Let me think.", signature: "c2ln" },
    { type: "redacted_thinking", data: "b3BhcXVl" },
    { type: "server_tool_use", id: "srv_1", name: "web_search", input: { query: "rain" } },
    { type: "web_search_tool_result", tool_use_id: "srv_1", content: sealed },
    { type: "text", text: "It will " },
    { type: "text", text: "rain.", citations: [citation] },
    { type: "tool_use", id: "tool_1", name: "umbrella", input: { open: true } },
    { type: "tool_use", id: "tool_2", name: "now", input: {} },
  ],
  usage: {
    ...start.message.usage,
    output_tokens: 40,
    output_tokens_details: { thinking_tokens: 15 },
    server_tool_use: { web_search_requests: 1 },
  },
};

test("a whole message is read block by block, its usage in buckets that don't overlap", () => {
  expect(readWhole(whole)).toEqual({
    model: "claude-sonnet-4-5",
    responseId: "msg_1",
    output: {
      kind: "choices",
      choices: [
        {
          index: 0,
          text: "It will rain.",
          reasoning: "Let me think.[redacted]",
          tool_calls: [
            { id: "srv_1", name: "web_search", arguments: { query: "rain" }, server: "web_search", result: found },
            { id: "tool_1", name: "umbrella", arguments: { open: true } },
            { id: "tool_2", name: "now", arguments: {} },
          ],
          citations: [citation],
          finish_reason: "tool_use",
        },
      ],
    },
    usage: {
      source: "provider",
      total: 190,
      input: 100,
      input_cached: 30,
      input_cache_write_5m: 20,
      output: 25,
      output_reasoning: 15,
      requests: 1,
      raw: whole.usage,
    },
  });
});

test("a stream of the same content is the same answer, and complete", () => {
  expect(readEvents(stream)).toEqual({ ...readWhole(whole), complete: true });
});

test("a stream that was cut keeps its partial text, arguments and the input that was billed, and is not complete", () => {
  const cut = readEvents([
    start,
    block(0, { type: "text", text: "" }),
    delta(0, { type: "text_delta", text: "Once" }),
    block(1, { type: "tool_use", id: "t", name: "f", input: {} }),
    delta(1, { type: "input_json_delta", partial_json: '{"a":' }),
  ]);
  expect(cut.complete).toBe(false);
  expect(cut.usage).toMatchObject({ input: 100, input_cached: 30, input_cache_write_5m: 20, output: 1, total: 151 });
  expect(cut.output).toEqual({
    kind: "choices",
    choices: [{ index: 0, text: "Once", tool_calls: [{ id: "t", name: "f", arguments: '{"a":' }] }],
  });
});

test("text goes on where a long stream's middle is missing", () => {
  const answer = readEvents([start, delta(7, { type: "text_delta", text: "and so on" }), { type: "message_stop" }]);
  expect(answer.output).toEqual({ kind: "choices", choices: [{ index: 0, text: "and so on" }] });
});

test("an error is read, whole and in the middle of a stream", () => {
  const error = { type: "error", error: { type: "overloaded_error", message: "Overloaded" }, request_id: "req_1" };
  const read = { message: "Overloaded", type: "overloaded_error" };
  expect(readWhole(error)).toEqual({ error: read });
  const cut = readEvents([start, error]);
  expect(cut).toMatchObject({ error: read, complete: false, usage: { input: 100 } });
});

test("cache writes for an hour are apart, and a sum without parts counts as five minutes", () => {
  const usage = (counts: object) =>
    readWhole({ content: [], usage: { input_tokens: 1, output_tokens: 1, ...counts } }).usage;
  expect(
    usage({
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
    }),
  ).toMatchObject({ input_cache_write_5m: 10, input_cache_write_1h: 20, total: 32 });
  expect(usage({ cache_creation_input_tokens: 30 })).toMatchObject({ input_cache_write_5m: 30, total: 32 });
});

test("what is written for an hour while a stream goes on stays so, though later counts don't say for how long", () => {
  const cache_creation = { ephemeral_1h_input_tokens: 1000, ephemeral_5m_input_tokens: 0 };
  const usage = { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 5000, cache_creation };
  expect(readAnthropicUsage(usage)).toMatchObject({ input_cache_write_1h: 5000, total: 5002 });
  expect(readAnthropicUsage(usage)).not.toHaveProperty("input_cache_write_5m");
  const both = { ...usage, cache_creation: { ...cache_creation, ephemeral_5m_input_tokens: 2000 } };
  expect(readAnthropicUsage(both)).toMatchObject({ input_cache_write_1h: 1000, input_cache_write_5m: 4000 });
});

test("a compaction is added, since the totals leave it out", () => {
  const iterations = [
    { type: "compaction", input_tokens: 1000, output_tokens: 100, cache_read_input_tokens: 10 },
    { type: "message", input_tokens: 50, output_tokens: 5 },
  ];
  const { usage } = readWhole({ content: [], usage: { input_tokens: 50, output_tokens: 5, iterations } });
  expect(usage).toMatchObject({ input: 1050, input_cached: 10, output: 105, total: 1165 });
});

test("what changes the price is the tier", () => {
  const tier = (said: object) => readWhole({ content: [], usage: { input_tokens: 1, ...said } }).usage?.tier;
  expect(tier({ service_tier: "standard", inference_geo: "global" })).toBeUndefined();
  expect(tier({ service_tier: "batch" })).toBe("batch");
  expect(tier({ service_tier: "standard", speed: "fast", inference_geo: "us" })).toBe("fast+us");
});

test("a stream that falls back to another model is that model's", () => {
  const fallback = { type: "fallback", from: { model: "claude-sonnet-4-5" }, to: { model: "claude-opus-5" } };
  expect(readEvents([start, block(0, fallback)]).model).toBe("claude-opus-5");
});

test("an MCP tool names its server and has its result", () => {
  const content = [
    { type: "mcp_tool_use", id: "m", name: "list", server_name: "files", input: {} },
    { type: "mcp_tool_result", tool_use_id: "m", content: [{ type: "text", text: "a.txt" }] },
  ];
  expect(readWhole({ content }).output).toEqual({
    kind: "choices",
    choices: [
      {
        index: 0,
        tool_calls: [
          {
            id: "m",
            name: "list",
            arguments: {},
            server: "mcp:files",
            result: [{ type: "text", text: "a.txt" }],
          },
        ],
      },
    ],
  });
});

test("the older completions are read, whole and as a stream", () => {
  const answer = { completion: " Hello", stop_reason: "stop_sequence", model: "claude-2.1", id: "compl_1" };
  const read = {
    model: "claude-2.1",
    responseId: "compl_1",
    output: { kind: "choices", choices: [{ index: 0, text: " Hello", finish_reason: "stop_sequence" }] },
  } as const;
  expect(readWhole({ ...answer, type: "completion" })).toEqual(read);
  expect(
    readEvents([
      { ...answer, type: "completion", completion: " He", stop_reason: null },
      { ...answer, type: "completion", completion: "llo" },
    ]),
  ).toEqual({ ...read, complete: true });
});

test("counting, batches, files and models are plain JSON without usage", () => {
  for (const value of [{ input_tokens: 14 }, { type: "message_batch", id: "b" }, { data: [], has_more: false }])
    expect(readWhole(value)).toEqual({ output: { kind: "json", value } });
});

test("only messages and completions are generations", () => {
  const kindOf = (method: string, path: string) => anthropicMessages.kindOf({ method, path });
  expect(kindOf("POST", "/v1/messages")).toBe("generation");
  expect(kindOf("POST", "/v1/messages/")).toBe("generation");
  expect(kindOf("POST", "/v1/complete")).toBe("generation");
  expect(kindOf("POST", "/v1/messages/count_tokens")).toBe("other");
  expect(kindOf("POST", "/v1/messages/batches")).toBe("other");
  expect(kindOf("GET", "/v1/models")).toBe("other");
});

test("a request's system, messages and tools are its input, the rest its parameters", () => {
  const messages = [
    {
      role: "user",
      content: [
        { type: "text", text: "Look" },
        { type: "image", source: { type: "base64", data: "" } },
        { type: "tool_result", tool_use_id: "t", content: [{ type: "document" }, { type: "image" }] },
      ],
    },
  ];
  const tools = [{ name: "f", input_schema: {} }];
  const request = {
    model: "claude-sonnet-4-5",
    system: "Be kind",
    messages,
    tools,
    tool_choice: { type: "auto" },
    max_tokens: 10,
    stream: true,
    metadata: { user_id: "alice" },
  };
  expect(anthropicMessages.readRequest(request, place)).toEqual({
    model: "claude-sonnet-4-5",
    input: { system: "Be kind", messages, tools },
    parameters: { tool_choice: { type: "auto" }, max_tokens: 10, stream: true, metadata: { user_id: "alice" } },
    modalities: ["vision", "document"],
    user: "alice",
  });
});

test("a batch's requests are its input", () => {
  const batch = { requests: [{ custom_id: "a", params: { model: "claude-sonnet-4-5" } }] };
  expect(anthropicMessages.readRequest(batch, place)).toEqual({ input: batch });
  expect(anthropicMessages.readRequest(undefined, place)).toEqual({});
});

test("nothing makes it throw", () => {
  const odd: unknown[] = [null, 1, "x", [], {}, { type: "error" }, { content: [null, 1, { type: 7 }] }, { error: [] }];
  for (const value of odd) {
    expect(() => readWhole(value)).not.toThrow();
    const builder = anthropicMessages.createAnswer(place);
    for (const type of ["message_start", "content_block_start", "content_block_delta", "message_delta", "error"])
      builder.event(type, { type, index: value, message: value, content_block: value, delta: value, usage: value });
    builder.event(undefined, value);
    expect(() => builder.answer()).not.toThrow();
    expect(() => anthropicMessages.readRequest({ messages: value, metadata: value }, place)).not.toThrow();
  }
});
