import { afterAll, beforeAll, expect, test } from "bun:test";
import { metadata, observation } from "./observation.ts";
import { openStage, type Stage } from "./stage.ts";
import { cutEvery, dataEvent, events, piecewise } from "./upstream.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage[Symbol.asyncDispose]());

const modelVersion = "gemini-2.5-flash";
const contents = [{ role: "user", parts: [{ text: "Wetter in Zürich?" }] }];
const generationConfig = { temperature: 0.2 };
const body = { contents, generationConfig };
const usageMetadata = {
  promptTokenCount: 10,
  cachedContentTokenCount: 2,
  candidatesTokenCount: 5,
  thoughtsTokenCount: 7,
  totalTokenCount: 22,
  promptTokensDetails: [{ modality: "TEXT", tokenCount: 10 }],
};
const parts = [
  { text: "They want weather.", thought: true },
  { text: "Rain. 🌧" },
  { functionCall: { name: "weather", args: { city: "Zürich" } } },
];
const whole = {
  candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }],
  usageMetadata,
  modelVersion,
  responseId: "resp-1",
};
const stream = [
  ...parts.map((part) => ({ candidates: [{ content: { role: "model", parts: [part] }, index: 0 }], modelVersion })),
  {
    candidates: [{ content: { role: "model", parts: [] }, finishReason: "STOP", index: 0 }],
    usageMetadata,
    modelVersion,
  },
];

const seen = {
  type: "generation",
  "model.name": modelVersion,
  output: {
    role: "assistant",
    content: "Rain. 🌧",
    thinking: [{ type: "thinking", content: "They want weather." }],
    tool_calls: [{ function: { name: "weather", arguments: '{"city":"Zürich"}' } }],
  },
  usage_details: { input: 8, input_cached_tokens: 2, output: 5, output_reasoning_tokens: 7, total: 22 },
  cost_details: { total: expect.any(Number) },
};

test("an answer in JSON arrives with its thoughts apart and each token counted once", async () => {
  const span = await stage.record("/v1beta/models/gemini-2.5-flash:generateContent", { body }, () =>
    Response.json(whole),
  );
  expect(observation(span)).toMatchObject(seen);
  expect(observation(span)).toMatchObject({ input: { contents } });
  expect(metadata(span)).toMatchObject({
    provider: "gemini",
    request_model: "gemini-2.5-flash",
    finish_reason: "STOP",
  });
});

test.each([1, 19, 100_000])("an event stream in pieces of %d bytes arrives as the same", async (size) => {
  const text = stream.map(dataEvent).join("");
  const span = await stage.record("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", { body }, () =>
    events(cutEvery(size, text)),
  );
  expect(observation(span)).toMatchObject(seen);
  expect(metadata(span)).toMatchObject({ streaming: true, outcome: "answered" });
});

test.each([1, 19, 100_000])("a stream as one JSON array in pieces of %d bytes arrives as the same", async (size) => {
  const text = `[${stream.map((chunk) => JSON.stringify(chunk, undefined, 2)).join("\n,\r\n")}\n]\n`;
  const span = await stage.record("/v1beta/models/gemini-2.5-flash:streamGenerateContent", { body }, () =>
    piecewise("application/json; charset=UTF-8", cutEvery(size, text)),
  );
  expect(observation(span)).toMatchObject(seen);
  expect(metadata(span)).toMatchObject({ streaming: true, outcome: "answered" });
});

test("an answer that names no model has the one of the path", async () => {
  const { modelVersion: _, ...unnamed } = whole;
  const span = await stage.record("/v1beta/models/gemini-2.5-pro:generateContent", { body }, () =>
    Response.json(unnamed),
  );
  expect(observation(span)).toMatchObject({ "model.name": "gemini-2.5-pro", usage_details: seen.usage_details });
});

test.each([
  ["as an object", (error: object): unknown => ({ error })],
  ["as an array", (error: object): unknown => [{ error }]],
])("an error %s arrives with its message and the model that was asked", async (_, wrap) => {
  const error = { code: 429, message: "Quota exceeded", status: "RESOURCE_EXHAUSTED" };
  const span = await stage.record("/v1beta/models/gemini-2.5-flash:streamGenerateContent", { body }, () =>
    Response.json(wrap(error), { status: 429 }),
  );
  expect(observation(span)).toMatchObject({
    type: "generation",
    level: "ERROR",
    status_message: "Quota exceeded",
    "model.name": "gemini-2.5-flash",
  });
  expect(observation(span)).not.toHaveProperty("usage_details");
  expect(metadata(span)["status"]).toBe(429);
});

test("counting tokens is no generation", async () => {
  const span = await stage.record("/v1beta/models/gemini-2.5-flash:countTokens", { body }, () =>
    Response.json({ totalTokens: 10 }),
  );
  expect(observation(span)["type"]).toBe("span");
  expect(observation(span)).not.toHaveProperty("usage_details");
});

test("the key of a query arrives nowhere", async () => {
  const path = "/v1beta/models/gemini-2.5-flash:generateContent?key=AIzaSecret&alt=json";
  const span = await stage.record(path, { body }, () => Response.json(whole));
  expect(metadata(span)["query"]).toBe("key=***&alt=json");
  expect(JSON.stringify(span)).not.toContain("AIzaSecret");
  expect(stage.weir.output()).not.toContain("AIzaSecret");
});
