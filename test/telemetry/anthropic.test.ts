import { afterAll, beforeAll, expect, test } from "bun:test";
import { metadata, observation } from "./observation.ts";
import { openStage, type Stage } from "./stage.ts";
import { cutEvery, events, namedEvent } from "./upstream.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage[Symbol.asyncDispose]());

const model = "claude-sonnet-4-5-20250929";
const messages = [{ role: "user", content: [{ type: "text", text: "Wetter in Zürich?" }] }];
const tools = [{ name: "weather", input_schema: { type: "object" } }];
const question = { model: "claude-sonnet-4-5", max_tokens: 500, system: "Be brief.", messages, tools };
const startUsage = {
  input_tokens: 100,
  cache_read_input_tokens: 30,
  cache_creation_input_tokens: 20,
  cache_creation: { ephemeral_5m_input_tokens: 15, ephemeral_1h_input_tokens: 5 },
  output_tokens: 1,
  service_tier: "standard",
};
const usage = { ...startUsage, output_tokens: 40, server_tool_use: { web_search_requests: 2 } };
const content = [
  { type: "thinking", thinking: "They want weather.", signature: "c2ln" },
  { type: "text", text: "Let me look. 🌧" },
  { type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Zürich" } },
];
const whole = { id: "msg_1", type: "message", role: "assistant", model, content, stop_reason: "tool_use", usage };

const seen = {
  type: "generation",
  "model.name": model,
  input: { system: "Be brief.", messages, tools },
  output: {
    role: "assistant",
    content: "Let me look. 🌧",
    thinking: [{ type: "thinking", content: "They want weather." }],
    tool_calls: [{ id: "toolu_1", type: "function", function: { name: "weather", arguments: '{"city":"Zürich"}' } }],
  },
  usage_details: {
    input: 100,
    input_cached_tokens: 30,
    input_cache_creation_5m: 15,
    input_cache_creation_1h: 5,
    output: 40,
    total: 190,
  },
  // 100 × 3, 30 × 0.3, 15 × 3.75, 5 × 6 and 40 × 15 USD for a million, and two searches at 10 USD for a thousand.
  cost_details: {
    input: 0.0003,
    input_cached_tokens: 0.000009,
    input_cache_creation_5m: 0.00005625,
    input_cache_creation_1h: 0.00003,
    output: 0.0006,
    requests: 0.02,
    total: 0.02099525,
  },
};

const stream = [
  { type: "message_start", message: { ...whole, content: [], stop_reason: null, usage: startUsage } },
  { type: "ping" },
  { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "They want " } },
  { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "weather." } },
  { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "c2ln" } },
  { type: "content_block_stop", index: 0 },
  { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Let me " } },
  { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "look. 🌧" } },
  { type: "content_block_stop", index: 1 },
  {
    type: "content_block_start",
    index: 2,
    content_block: { type: "tool_use", id: "toolu_1", name: "weather", input: {} },
  },
  { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"city":' } },
  { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '"Zürich"}' } },
  { type: "content_block_stop", index: 2 },
  {
    type: "message_delta",
    delta: { stop_reason: "tool_use", stop_sequence: null },
    usage: { input_tokens: null, output_tokens: 40, server_tool_use: { web_search_requests: 2 } },
  },
  { type: "message_stop" },
];

test("a message in JSON arrives with its thinking, its tool call, and its caches counted and paid apart", async () => {
  const span = await stage.record("/v1/messages", { body: question }, () => Response.json(whole));
  expect(observation(span)).toMatchObject(seen);
  expect(observation(span)["model.parameters"]).toEqual({ max_tokens: 500 });
  expect(metadata(span)).toMatchObject({ provider: "anthropic", finish_reason: "tool_use", requests: 2 });
});

test.each([1, 17, 100_000])(
  "a message as a stream in pieces of %d bytes arrives as the same, though its end says null of its input",
  async (size) => {
    const text = stream.map(namedEvent).join("");
    const span = await stage.record("/v1/messages", { body: { ...question, stream: true } }, () =>
      events(cutEvery(size, text)),
    );
    expect(observation(span)).toMatchObject(seen);
    expect(metadata(span)).toMatchObject({ streaming: true, finish_reason: "tool_use", outcome: "answered" });
  },
);

test("the user that a message names is the trace's user, unless a header names another", async () => {
  const body = { ...question, metadata: { user_id: "from-body" } };
  const named = await stage.record("/v1/messages", { body }, () => Response.json(whole));
  expect(named.attributes["user.id"]).toBe("from-body");
  const headers = { "x-user-id": "from-header" };
  const renamed = await stage.record("/v1/messages", { body, headers }, () => Response.json(whole));
  expect(renamed.attributes["user.id"]).toBe("from-header");
});

test("Claude Code's session header gives the session", async () => {
  const headers = { "x-claude-code-session-id": "5f8f0a3e-6f57-4a0c-b7a3-2f1a4ed0a111" };
  const span = await stage.record("/v1/messages", { body: question, headers }, () => Response.json(whole));
  expect(span.attributes["session.id"]).toBe("5f8f0a3e-6f57-4a0c-b7a3-2f1a4ed0a111");
});

test("counting tokens is no generation", async () => {
  const span = await stage.record("/v1/messages/count_tokens", { body: question }, () =>
    Response.json({ input_tokens: 100 }),
  );
  expect(observation(span)["type"]).toBe("span");
  expect(observation(span)).not.toHaveProperty("usage_details");
  expect(metadata(span)).toMatchObject({ status: 200, provider: "anthropic" });
});

test("a stream that ends in an error event arrives as an error with what was said before it", async () => {
  const error = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
  const pieces = [...stream.slice(0, 9).map(namedEvent), namedEvent(error)];
  const span = await stage.record("/v1/messages", { body: { ...question, stream: true } }, () => events(pieces));
  expect(observation(span)).toMatchObject({
    level: "ERROR",
    status_message: "Overloaded",
    output: { content: "Let me " },
    usage_details: { input: 100, input_cached_tokens: 30, input_cache_creation_5m: 15, input_cache_creation_1h: 5 },
  });
});
