import { afterAll, beforeAll, expect, test } from "bun:test";
import { metadata, observation } from "./observation.ts";
import { openStage, type Stage } from "./stage.ts";
import { cutEvery, dataEvent, events } from "./upstream.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage[Symbol.asyncDispose]());

const model = "gpt-4o-mini-2024-07-18";
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Wie wird das Wetter in Zürich? 🌧" },
];
const chat = { model: "gpt-4o-mini", messages, tools, temperature: 0.2, seed: 7, n: 1 };
const usage = {
  prompt_tokens: 20,
  completion_tokens: 9,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 8, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 4, audio_tokens: 0 },
};
const usageDetails = {
  input: 12,
  input_cached_tokens: 8,
  output: 5,
  output_reasoning_tokens: 4,
  total: 29,
};
/** 12 × 0.15, 8 × 0.075, 5 × 0.6 and 4 × 0.6 USD for a million. */
const costDetails = {
  input: 0.0000018,
  input_cached_tokens: 0.0000006,
  output: 0.000003,
  output_reasoning_tokens: 0.0000024,
  total: 0.0000078,
};
const toolCalls = [
  { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Zürich"}' } },
  { id: "call_2", type: "function", function: { name: "weather", arguments: '{"city":"Genève"}' } },
];

function completion(message: object, finish_reason = "stop") {
  return { id: "chatcmpl-1", object: "chat.completion", model, choices: [{ index: 0, message, finish_reason }], usage };
}

function chunk(index: number, delta: object, finish_reason: string | null = null) {
  return { id: "chatcmpl-1", object: "chat.completion.chunk", model, choices: [{ index, delta, finish_reason }] };
}

const usageChunk = { id: "chatcmpl-1", object: "chat.completion.chunk", model, choices: [], usage };

test("a chat answer in JSON arrives as a generation with everything that was said, used and paid", async () => {
  const message = { role: "assistant", content: "Rain.", reasoning_content: "They ask.", tool_calls: toolCalls };
  const span = await stage.record("/v1/chat/completions", { body: chat }, () =>
    Response.json(completion(message, "tool_calls")),
  );

  expect(observation(span)).toEqual({
    type: "generation",
    "model.name": model,
    "model.parameters": { temperature: 0.2, seed: 7, n: 1 },
    input: { messages, tools },
    output: {
      role: "assistant",
      content: "Rain.",
      thinking: [{ type: "thinking", content: "They ask." }],
      tool_calls: toolCalls,
    },
    usage_details: usageDetails,
    cost_details: costDetails,
    completion_start_time: expect.any(String),
  });
  expect(metadata(span)).toMatchObject({ status: 200, outcome: "answered", finish_reason: "tool_calls" });
  expect(metadata(span)).toMatchObject({ streaming: false, response_id: "chatcmpl-1", usage_source: "provider" });
});

test.each([
  ["event by event", (text: string) => [text]],
  ["byte by byte", (text: string) => cutEvery(1, text)],
  [
    "cut inside characters, without spaces after `data:`",
    (text: string) => cutEvery(7, text.replaceAll("data: ", "data:")),
  ],
  ["with CRLF", (text: string) => cutEvery(11, text.replaceAll("\n", "\r\n"))],
])("a chat answer as a stream, %s, arrives as the same generation", async (_, cut) => {
  const pieces = [
    chunk(0, { role: "assistant", content: "" }),
    chunk(0, { reasoning_content: "They " }),
    chunk(0, { reasoning_content: "ask." }),
    chunk(0, { content: "Ra" }),
    chunk(0, { content: "in." }),
    chunk(0, {
      tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "weather", arguments: "" } }],
    }),
    chunk(0, { tool_calls: [{ index: 0, function: { arguments: '{"city":"Zü' } }] }),
    chunk(0, {
      tool_calls: [{ index: 1, id: "call_2", type: "function", function: { name: "weather", arguments: "" } }],
    }),
    chunk(0, { tool_calls: [{ index: 0, function: { arguments: 'rich"}' } }] }),
    chunk(0, { tool_calls: [{ index: 1, function: { arguments: '{"city":"Genève"}' } }] }),
    chunk(0, {}, "tool_calls"),
    usageChunk,
    "[DONE]",
  ];
  const span = await stage.record("/v1/chat/completions", { body: { ...chat, stream: true } }, () =>
    events(cut(pieces.map(dataEvent).join(""))),
  );

  expect(observation(span)).toMatchObject({
    type: "generation",
    "model.name": model,
    output: {
      role: "assistant",
      content: "Rain.",
      thinking: [{ type: "thinking", content: "They ask." }],
      tool_calls: toolCalls,
    },
    usage_details: usageDetails,
    cost_details: costDetails,
  });
  expect(observation(span)["input"]).toEqual({ messages, tools });
  // The record shows what the consumer asked for, not what we asked upstream.
  expect(observation(span)["model.parameters"]).toEqual({ temperature: 0.2, seed: 7, n: 1, stream: true });
  expect(metadata(span)).toMatchObject({ streaming: true, finish_reason: "tool_calls" });
});

test("two choices of one stream arrive apart", async () => {
  const pieces = [
    chunk(0, { role: "assistant", content: "A" }),
    chunk(1, { role: "assistant", content: "B" }),
    chunk(0, { content: "a" }),
    chunk(1, { refusal: "No." }),
    chunk(0, {}, "stop"),
    chunk(1, {}, "stop"),
    usageChunk,
    "[DONE]",
  ];
  const span = await stage.record("/v1/chat/completions", { body: { ...chat, n: 2, stream: true } }, () =>
    events(pieces.map(dataEvent)),
  );

  expect(observation(span)["output"]).toEqual([
    { role: "assistant", content: "Aa" },
    { role: "assistant", content: "B", refusal: "No." },
  ]);
  expect(observation(span)["usage_details"]).toEqual(usageDetails);
});

test.each([
  ["gzip", Bun.gzipSync],
  ["zstd", Bun.zstdCompressSync],
] as const)("an answer that comes in %s is read on a copy", async (encoding, compress) => {
  const body = compress(Buffer.from(JSON.stringify(completion({ role: "assistant", content: "Rain." }))));
  const headers = { "content-type": "application/json", "content-encoding": encoding };
  const span = await stage.record("/v1/chat/completions", { body: chat }, () => new Response(body, { headers }));
  expect(observation(span)).toMatchObject({ output: { content: "Rain." }, usage_details: usageDetails });
});

test.each([
  ["OpenRouter", { cost: 0.0123, cost_details: { upstream_inference_cost: null }, is_byok: false }, { total: 0.0123 }],
  ["Groq", { queue_time: 0.01, prompt_time: 0.002, completion_time: 0.1, total_time: 0.102 }, costDetails],
  ["DeepSeek", { prompt_cache_hit_tokens: 8, prompt_cache_miss_tokens: 12 }, costDetails],
])("what %s says beside the usage changes no count", async (_, extra, cost) => {
  const answer = { ...completion({ role: "assistant", content: "Rain." }), usage: { ...usage, ...extra } };
  const span = await stage.record("/v1/chat/completions", { body: chat }, () => Response.json(answer));
  expect(observation(span)).toMatchObject({ usage_details: usageDetails });
  expect(observation(span)["cost_details"]).toEqual(cost);
});

test("a model without a price has no cost, and says so", async () => {
  const answer = { ...completion({ role: "assistant", content: "Rain." }), model: "acme-large-1" };
  const span = await stage.record("/v1/chat/completions", { body: chat }, () => Response.json(answer));
  expect(observation(span)["usage_details"]).toEqual(usageDetails);
  expect(observation(span)).not.toHaveProperty("cost_details");
  expect(metadata(span)["unpriced"]).toBe(true);
});

test("JSON that is nested deeper than it can be written arrives with what is not", async () => {
  for (const depth of [1_000, 400_000]) {
    const deep = `${"[".repeat(depth)}1${"]".repeat(depth)}`;
    const body = `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}],"deep":${deep}}`;
    const headers = { "content-type": "application/json" };
    const answer = completion({ role: "assistant", content: "Hello" });
    const span = await stage.record("/v1/chat/completions", { method: "POST", body, headers }, () =>
      Response.json(answer),
    );
    expect(observation(span)).toMatchObject({
      input: { messages: [{ role: "user", content: "Hi" }] },
      usage_details: usageDetails,
    });
  }
});

test("every export is one that Langfuse takes, and tells nothing of the machine or its user", () => {
  expect(stage.langfuse.faults()).toEqual([]);
  expect(stage.langfuse.spans().length).toBeGreaterThan(10);
  for (const { resource } of stage.langfuse.spans()) {
    expect(Object.keys(resource).toSorted()).toEqual(["service.name", "service.version"]);
  }
});
