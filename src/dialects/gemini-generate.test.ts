import { expect, test } from "bun:test";
import { openAnswer } from "./answer-reader.ts";
import type { Answer } from "./dialect.ts";
import { geminiGenerate } from "./gemini-generate.ts";

const place = { method: "POST", path: "/v1beta/models/gemini-2.5-flash:generateContent" };

function readWhole(value: unknown): Answer {
  const builder = geminiGenerate.createAnswer(place);
  builder.whole(value);
  return builder.answer();
}

function readEvents(events: readonly unknown[]): Answer {
  const builder = geminiGenerate.createAnswer(place);
  for (const event of events) builder.event(undefined, event);
  return builder.answer();
}

const usageMetadata = {
  promptTokenCount: 10,
  cachedContentTokenCount: 2,
  candidatesTokenCount: 5,
  thoughtsTokenCount: 7,
  totalTokenCount: 22,
};

const about = { modelVersion: "models/gemini-2.5-flash", responseId: "r1" };
const chunk = (parts: unknown[], rest: object = {}) => ({
  candidates: [{ content: { parts, role: "model" }, ...rest }],
});
const grounding = { groundingChunks: [{ web: { uri: "https://example.com", title: "Weather" } }] };

const parts = [
  { text: "Let me ", thought: true },
  { text: "think.", thought: true },
  { executableCode: { language: "PYTHON", code: "print(1)", id: "c1" } },
  { codeExecutionResult: { outcome: "OUTCOME_OK", output: "1\n", id: "c1" } },
  { text: "It will ", thoughtSignature: "c2ln" },
  { text: "rain." },
  { functionCall: { id: "f1", name: "umbrella", args: { open: true } } },
  { inlineData: { mimeType: "image/png", data: "aGVsbG8=" } },
  { fileData: { mimeType: "video/mp4", fileUri: "https://example.com/v.mp4" } },
];

const whole = { ...chunk(parts, { finishReason: "STOP", groundingMetadata: grounding }), usageMetadata, ...about };

const stream = [
  ...parts.map((part) => ({
    ...chunk([part]),
    usageMetadata: { promptTokenCount: 10, totalTokenCount: 10 },
    ...about,
  })),
  { ...chunk([], { finishReason: "STOP", groundingMetadata: grounding }), usageMetadata, ...about },
];

test("a whole answer is read part by part, thoughts apart, its usage in buckets that don't overlap", () => {
  expect(readWhole(whole)).toEqual({
    model: "gemini-2.5-flash",
    responseId: "r1",
    output: {
      kind: "choices",
      choices: [
        {
          index: 0,
          text: "It will rain.",
          reasoning: "Let me think.",
          tool_calls: [
            {
              id: "c1",
              name: "code_execution",
              server: "code_execution",
              arguments: { language: "PYTHON", code: "print(1)" },
              result: { outcome: "OUTCOME_OK", output: "1\n" },
            },
            { id: "f1", name: "umbrella", arguments: { open: true } },
          ],
          media: [
            { type: "image/png", bytes: 5 },
            { type: "video/mp4", url: "https://example.com/v.mp4" },
          ],
          citations: grounding.groundingChunks,
          finish_reason: "STOP",
        },
      ],
    },
    usage: {
      source: "provider",
      total: 22,
      input: 8,
      input_cached: 2,
      output: 5,
      output_reasoning: 7,
      raw: usageMetadata,
    },
  });
});

test("searches are counted for the bill: each query, and of older models one for the answer", () => {
  const read = (modelVersion: string, ...queries: readonly string[]) => {
    const groundingMetadata = { ...grounding, webSearchQueries: queries };
    return readEvents([
      { ...chunk([{ text: "It will " }], { groundingMetadata: {} }), modelVersion },
      { ...chunk([{ text: "rain." }], { finishReason: "STOP", groundingMetadata }), usageMetadata, modelVersion },
    ]).usage?.requests;
  };
  for (const model of ["gemini-3-flash-preview", "gemini-3.1-pro-preview", "gemini-flash-latest"])
    expect([model, read(model, "rain", "rain in May", "rain", "")]).toEqual([model, 2]);
  for (const model of ["gemini-2.5-flash", "gemini-1.5-pro-002", "gemini-robotics-er-1.5-preview"])
    expect([model, read(model, "rain", "rain in May")]).toEqual([model, 1]);
  // What it found in files or at an address is no search.
  for (const model of ["gemini-3-flash-preview", "gemini-2.5-flash"]) expect(read(model)).toBeUndefined();
});

test("a stream of the same content is the same answer, as events, as a JSON array, and as one array", () => {
  expect(readEvents(stream)).toEqual({ ...readWhole(whole), complete: true });
  const reader = openAnswer(geminiGenerate, place, { contentType: "application/json; charset=UTF-8" });
  for (const byte of new TextEncoder().encode(JSON.stringify(stream, undefined, 2))) reader.push(Uint8Array.of(byte));
  expect(reader.end()).toEqual({ ...readWhole(whole), complete: true });
  expect(readWhole(stream)).toEqual(readWhole(whole));
});

test("a stream that was cut has what came and is not complete", () => {
  const cut = readEvents(stream.slice(0, 5));
  expect(cut).toMatchObject({ complete: false, usage: { input: 10, total: 10 } });
  expect(cut.output).toMatchObject({ choices: [{ index: 0, text: "It will ", reasoning: "Let me think." }] });
});

test("several candidates stay apart and in order", () => {
  const answer = readEvents([
    { candidates: [{ index: 1, content: { parts: [{ text: "b" }] }, finishReason: "STOP" }] },
    { candidates: [{ index: 0, content: { parts: [{ text: "a" }] } }] },
    { candidates: [{ index: 0, content: { parts: [{ text: "a" }] }, finishReason: "MAX_TOKENS" }] },
  ]);
  expect(answer.output).toEqual({
    kind: "choices",
    choices: [
      { index: 0, text: "aa", finish_reason: "MAX_TOKENS" },
      { index: 1, text: "b", finish_reason: "STOP" },
    ],
  });
});

test("sound, pictures and what was cached of them have buckets of their own, and tool results are input", () => {
  const { usage } = readWhole({
    usageMetadata: {
      promptTokenCount: 1000,
      promptTokensDetails: [
        { modality: "TEXT", tokenCount: 100 },
        { modality: "AUDIO", tokenCount: 500 },
        { modality: "IMAGE", tokenCount: 300 },
        { modality: "VIDEO", tokenCount: 100 },
      ],
      cachedContentTokenCount: 250,
      cacheTokensDetails: [
        { modality: "AUDIO", tokenCount: 200 },
        { modality: "TEXT", tokenCount: 50 },
      ],
      toolUsePromptTokenCount: 30,
      candidatesTokenCount: 60,
      candidatesTokensDetails: [
        { modality: "TEXT", tokenCount: 10 },
        { modality: "AUDIO", tokenCount: 20 },
        { modality: "IMAGE", tokenCount: 30 },
      ],
      totalTokenCount: 1090,
    },
  });
  expect(usage).toMatchObject({
    input: 80,
    input_cached: 250,
    input_audio: 300,
    input_image: 400,
    output: 10,
    output_audio: 20,
    output_image: 30,
    total: 1090,
  });
});

test("parts never exceed their whole where the cache's own parts are not told", () => {
  const { usage } = readWhole({
    usageMetadata: {
      promptTokenCount: 100,
      promptTokensDetails: [{ modality: "AUDIO", tokenCount: 100 }],
      cachedContentTokenCount: 90,
    },
  });
  expect(usage).toMatchObject({ input_cached: 90, input_audio: 10, total: 100 });
});

test("the tier is read from both APIs, the standard one being none", () => {
  const tier = (said: object) => readWhole({ usageMetadata: { promptTokenCount: 1, ...said } }).usage?.tier;
  expect(tier({ serviceTier: "standard" })).toBeUndefined();
  expect(tier({ serviceTier: "flex" })).toBe("flex");
  expect(tier({ trafficType: "ON_DEMAND" })).toBeUndefined();
  expect(tier({ trafficType: "ON_DEMAND_PRIORITY" })).toBe("priority");
});

test("a blocked prompt is a refusal", () => {
  const answer = readEvents([{ promptFeedback: { blockReason: "PROHIBITED_CONTENT" }, usageMetadata, ...about }]);
  expect(answer).toMatchObject({
    complete: true,
    output: { kind: "choices", choices: [{ index: 0, refusal: "PROHIBITED_CONTENT" }] },
  });
});

test("an error is read as an object, in an array and in the middle of a stream", () => {
  const body = { error: { code: 429, message: "Slow down", status: "RESOURCE_EXHAUSTED" } };
  const error = { message: "Slow down", type: "RESOURCE_EXHAUSTED", code: "429" };
  expect(readWhole(body)).toEqual({ model: "gemini-2.5-flash", error });
  expect(readWhole([body])).toEqual({ model: "gemini-2.5-flash", error });
  expect(readEvents([...stream.slice(0, 5), body])).toMatchObject({ error, complete: false });
});

test("the model is the path's where the answer names none", () => {
  const model = (path: string) => {
    const builder = geminiGenerate.createAnswer({ method: "POST", path });
    builder.whole(chunk([{ text: "x" }]));
    return builder.answer().model;
  };
  expect(model("/v1beta/models/gemini-2.5-pro:streamGenerateContent")).toBe("gemini-2.5-pro");
  expect(model("/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:generateContent")).toBe(
    "gemini-2.5-pro",
  );
  expect(model("/v1beta/tunedModels/mine:generateContent")).toBe("tunedModels/mine");
  expect(model("/v1beta/models/a%2Fb:generateContent")).toBe("a/b");
  expect(model("/v1beta/models/%E0%A4:generateContent")).toBe("%E0%A4");
  expect(model("/v1beta/files")).toBeUndefined();
});

test("predicted images are media", () => {
  expect(readWhole({ predictions: [{ mimeType: "image/jpeg", bytesBase64Encoded: "aGVsbG8=" }] }).output).toEqual({
    kind: "choices",
    choices: [{ index: 0, media: [{ type: "image/jpeg", bytes: 5 }] }],
  });
});

test("counting, files, models and caches are plain JSON", () => {
  for (const value of [{ totalTokens: 14 }, { files: [] }, { models: [] }])
    expect(readWhole(value)).toEqual({ model: "gemini-2.5-flash", output: { kind: "json", value } });
});

test("only what generates is a generation", () => {
  const kindOf = (method: string, path: string) => geminiGenerate.kindOf({ method, path });
  expect(kindOf("POST", "/v1beta/models/m:generateContent")).toBe("generation");
  expect(kindOf("POST", "/v1/models/m:streamGenerateContent")).toBe("generation");
  expect(kindOf("POST", "/v1beta/models/imagen-4:predict")).toBe("generation");
  expect(kindOf("POST", "/v1beta/models/m:countTokens")).toBe("other");
  expect(kindOf("POST", "/v1beta/models/m:batchGenerateContent")).toBe("other");
  expect(kindOf("GET", "/v1beta/models/m")).toBe("other");
});

test("a request is read in both spellings", () => {
  const contents = (inline: string, mime: string) => [
    { role: "user", parts: [{ text: "Look" }, { [inline]: { [mime]: "image/png", data: "" } }] },
    { role: "user", parts: [{ [inline]: { [mime]: "audio/wav", data: "" } }] },
  ];
  const camel = contents("inlineData", "mimeType");
  expect(
    geminiGenerate.readRequest(
      { contents: camel, systemInstruction: { parts: [] }, tools: [], generationConfig: { temperature: 0 } },
      place,
    ),
  ).toEqual({
    model: "gemini-2.5-flash",
    input: { contents: camel, systemInstruction: { parts: [] }, tools: [] },
    parameters: { generationConfig: { temperature: 0 } },
    modalities: ["vision", "audio"],
  });
  const snake = contents("inline_data", "mime_type");
  expect(
    geminiGenerate.readRequest(
      {
        contents: [
          ...snake,
          { parts: [{ file_data: { mime_type: "application/pdf", file_uri: "https://example.com/a.pdf" } }] },
        ],
        system_instruction: {},
      },
      place,
    ),
  ).toMatchObject({ input: { system_instruction: {} }, modalities: ["vision", "audio", "document"] });
});

test("nothing makes it throw", () => {
  const odd: unknown[] = [null, 1, "x", [], {}, [null], { candidates: [null, { content: 1, index: -1 }] }];
  for (const value of odd) {
    const nested = {
      candidates: [{ content: { parts: [{ functionCall: value, toolCall: value, inlineData: value }] } }],
    };
    for (const body of [
      value,
      nested,
      { usageMetadata: value, error: value, promptFeedback: value, predictions: value },
    ]) {
      expect(() => readWhole(body)).not.toThrow();
      expect(() => readEvents([body, value])).not.toThrow();
      expect(() => geminiGenerate.readRequest(body, place)).not.toThrow();
    }
  }
});
