import { afterAll, beforeAll, expect, test } from "bun:test";
import { metadata, observation } from "./observation.ts";
import { openStage, type Stage } from "./stage.ts";
import { cutEvery, events, namedEvent, piecewise } from "./upstream.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage[Symbol.asyncDispose]());

const response = {
  id: "resp_1",
  object: "response",
  status: "completed",
  model: "gpt-5-2025-08-07",
  output: [
    { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "They ask." }] },
    { type: "message", id: "msg_1", role: "assistant", content: [{ type: "output_text", text: "Rain. ☔" }] },
    { type: "function_call", id: "fc_1", call_id: "call_1", name: "weather", arguments: '{"city":"Zürich"}' },
  ],
  usage: {
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 2 },
    output_tokens: 6,
    output_tokens_details: { reasoning_tokens: 4 },
    total_tokens: 16,
  },
};
const responsesBody = { model: "gpt-5", input: "Wetter?", instructions: "Be brief.", max_output_tokens: 100 };
const responsesSeen = {
  type: "generation",
  "model.name": "gpt-5-2025-08-07",
  input: { input: "Wetter?", instructions: "Be brief." },
  output: {
    role: "assistant",
    content: "Rain. ☔",
    thinking: [{ type: "thinking", content: "They ask." }],
    tool_calls: [{ id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Zürich"}' } }],
  },
  usage_details: { input: 8, input_cached_tokens: 2, output: 2, output_reasoning_tokens: 4, total: 16 },
};

test("an answer of the Responses API in JSON arrives", async () => {
  const span = await stage.record("/v1/responses", { body: responsesBody }, () => Response.json(response));
  expect(observation(span)).toMatchObject(responsesSeen);
  expect(observation(span)["model.parameters"]).toEqual({ max_output_tokens: 100 });
  expect(observation(span)["cost_details"]).toMatchObject({ total: expect.any(Number) });
});

test("an answer of the Responses API as a stream arrives as the same", async () => {
  const started = { ...response, status: "in_progress", output: [], usage: null };
  const pieces = [
    { type: "response.created", sequence_number: 0, response: started },
    { type: "response.output_item.added", sequence_number: 1, output_index: 1, item: { type: "message", id: "msg_1" } },
    { type: "response.output_text.delta", sequence_number: 2, output_index: 1, delta: "Rain. ☔" },
    { type: "response.completed", sequence_number: 3, response },
  ];
  const stream = pieces.map(namedEvent).join("");
  const span = await stage.record("/v1/responses", { body: { ...responsesBody, stream: true } }, () =>
    events(cutEvery(13, stream)),
  );
  expect(observation(span)).toMatchObject(responsesSeen);
  expect(metadata(span)).toMatchObject({ streaming: true, outcome: "answered" });
});

test("asking again for a background response repeats its usage and is paid for no second time", async () => {
  const span = await stage.record("/v1/responses/resp_1", {}, () => Response.json(response));
  expect(observation(span)["type"]).toBe("span");
  expect(observation(span)).not.toHaveProperty("usage_details");
  expect(observation(span)).not.toHaveProperty("cost_details");
  expect(metadata(span)).not.toHaveProperty("unpriced");
});

test("embeddings arrive as an embedding with their number and dimensions, and no vector", async () => {
  const data = [0, 1].map((index) => ({ object: "embedding", index, embedding: [0.1, -0.2, 0.3] }));
  const answer = {
    object: "list",
    data,
    model: "text-embedding-3-small",
    usage: { prompt_tokens: 5, total_tokens: 5 },
  };
  const span = await stage.record(
    "/v1/embeddings",
    { body: { model: "text-embedding-3-small", input: ["a", "b"] } },
    () => Response.json(answer),
  );
  expect(observation(span)).toMatchObject({
    type: "embedding",
    "model.name": "text-embedding-3-small",
    input: { input: ["a", "b"] },
    output: { vectors: 2, dimensions: 3 },
    usage_details: { input: 5, total: 5 },
    cost_details: { input: 0.0000001, total: 0.0000001 },
  });
  expect(span.attributes["langfuse.trace.tags"]).toEqual(["embedding"]);
});

test("speech arrives as its type and size, and without a price that nobody told", async () => {
  const body = { model: "gpt-4o-mini-tts", input: "Hello", voice: "alloy" };
  const span = await stage.record("/v1/audio/speech", { body }, () =>
    piecewise(
      "audio/mpeg",
      Array.from({ length: 5 }, () => new Uint8Array(1000)),
    ),
  );
  expect(observation(span)).toMatchObject({
    type: "generation",
    "model.name": "gpt-4o-mini-tts",
    input: { input: "Hello" },
    output: { type: "audio/mpeg", bytes: 5000 },
  });
  expect(observation(span)).not.toHaveProperty("cost_details");
  expect(metadata(span)["unpriced"]).toBe(true);
  expect(span.attributes["langfuse.trace.tags"]).toEqual(["audio"]);
});

function recording(): FormData {
  const form = new FormData();
  form.set("model", "gpt-4o-transcribe");
  form.set("language", "de");
  form.set("file", new File([new Uint8Array(1290)], "Grüße.wav", { type: "audio/wav" }));
  return form;
}

test("a transcription's form arrives by its fields, its file by name and size, and its tokens are counted", async () => {
  const told = {
    type: "tokens",
    input_tokens: 14,
    input_token_details: { text_tokens: 4, audio_tokens: 10 },
    output_tokens: 5,
    total_tokens: 19,
  };
  const span = await stage.record("/v1/audio/transcriptions", { body: recording() }, () =>
    Response.json({ text: "Grüße", usage: told }),
  );
  expect(observation(span)).toMatchObject({
    type: "generation",
    "model.name": "gpt-4o-transcribe",
    input: { file: [{ filename: "Grüße.wav", type: "audio/wav", bytes: 1290 }] },
    "model.parameters": { language: "de" },
    output: { content: "Grüße" },
    usage_details: { input: 4, input_audio_tokens: 10, output: 5, total: 19 },
  });
});

test("a transcription that is billed by the second has no price", async () => {
  const span = await stage.record("/v1/audio/transcriptions", { body: recording() }, () =>
    Response.json({ text: "Grüße", usage: { type: "duration", seconds: 12 } }),
  );
  expect(observation(span)).not.toHaveProperty("cost_details");
  expect(metadata(span)).toMatchObject({ unpriced: true, usage_source: "provider" });
});

test("listing models is no generation", async () => {
  const span = await stage.record("/v1/models", {}, () =>
    Response.json({ object: "list", data: [{ id: "gpt-4o-mini" }] }),
  );
  expect(observation(span)["type"]).toBe("span");
  expect(observation(span)).not.toHaveProperty("model.name");
  expect(metadata(span)).not.toHaveProperty("unpriced");
});
