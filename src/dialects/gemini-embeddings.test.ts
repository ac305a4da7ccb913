import { expect, test } from "bun:test";
import { geminiEmbeddings } from "./gemini-embeddings.ts";

const place = { method: "POST", path: "/v1beta/models/gemini-embedding-2:batchEmbedContents" };

function readWhole(value: unknown) {
  const builder = geminiEmbeddings.createAnswer(place);
  builder.whole(value);
  return builder.answer();
}

test("vectors are counted, one or many, with their usage where there is one", () => {
  const usageMetadata = { promptTokenCount: 4, promptTokenDetails: [{ modality: "AUDIO", tokenCount: 1 }] };
  expect(readWhole({ embeddings: [{ values: [1, 2, 3] }, { values: [4, 5, 6] }], usageMetadata })).toEqual({
    model: "gemini-embedding-2",
    output: { kind: "vectors", count: 2, dimensions: 3 },
    usage: { source: "provider", input: 3, input_audio: 1, total: 4, raw: usageMetadata },
  });
  expect(readWhole({ embedding: { values: [1, 2] } })).toEqual({
    model: "gemini-embedding-2",
    output: { kind: "vectors", count: 1, dimensions: 2 },
  });
});

test("an error is read", () => {
  expect(readWhole({ error: { code: 400, message: "No", status: "INVALID_ARGUMENT" } })).toEqual({
    model: "gemini-embedding-2",
    error: { message: "No", type: "INVALID_ARGUMENT", code: "400" },
  });
});

test("a request's contents are its input", () => {
  const requests = [{ model: "models/gemini-embedding-2", content: { parts: [{ text: "a" }] } }];
  expect(geminiEmbeddings.readRequest({ requests }, place)).toEqual({
    model: "gemini-embedding-2",
    input: { requests },
    modalities: ["embedding"],
  });
  const content = { parts: [{ inlineData: { mimeType: "image/png", data: "" } }] };
  expect(geminiEmbeddings.readRequest({ content, taskType: "RETRIEVAL_QUERY" }, place)).toEqual({
    model: "gemini-embedding-2",
    input: { content },
    parameters: { taskType: "RETRIEVAL_QUERY" },
    modalities: ["vision", "embedding"],
  });
});

test("nothing makes it throw", () => {
  for (const value of [null, 1, "x", [], [{}], { embedding: 1 }, { embeddings: [null, { values: "x" }] }])
    expect(() => readWhole(value)).not.toThrow();
});
