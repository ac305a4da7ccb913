import { expect, test } from "bun:test";
import fc from "fast-check";
import { openaiEmbeddings } from "./openai-embeddings.ts";
import { readAnswer } from "./test-answers.ts";

const path = "/v1/embeddings";
const place = { method: "POST", path };
const usage = { prompt_tokens: 5, total_tokens: 5 };

function read(data: unknown) {
  return readAnswer(openaiEmbeddings, path, {
    body: JSON.stringify({ object: "list", data, model: "text-embedding-3-small", usage }),
  });
}

test("vectors are counted and left out, written as numbers or as base64", () => {
  const floats = new Float32Array(256).fill(0.25);
  const base64 = Buffer.from(floats.buffer).toString("base64");
  const expected = {
    model: "text-embedding-3-small",
    output: { kind: "vectors", count: 2, dimensions: 256 },
    usage: { input: 5, total: 5, source: "provider", raw: usage },
  };
  for (const embedding of [[...floats], base64]) {
    const answer: unknown = read([
      { index: 0, embedding },
      { index: 1, embedding },
    ]);
    expect(answer).toEqual(expected);
  }
});

test("an error is told, and no vectors", () => {
  const body = JSON.stringify({ error: { message: "No such model", code: "model_not_found" } });
  expect(readAnswer(openaiEmbeddings, path, { body })).toEqual({
    error: { message: "No such model", code: "model_not_found" },
  });
});

test("a request's input is what the model is given, and its modality embedding", () => {
  expect(openaiEmbeddings.readRequest({ model: "m", input: ["a", "b"], dimensions: 256, user: "u1" }, place)).toEqual({
    model: "m",
    input: { input: ["a", "b"] },
    parameters: { dimensions: 256, user: "u1" },
    modalities: ["embedding"],
    user: "u1",
  });
  expect(openaiEmbeddings.kindOf(place)).toBe("embedding");
});

test("anything at all is read without failing", () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const builder = openaiEmbeddings.createAnswer(place);
      builder.whole(value);
      builder.event(undefined, { data: [{ embedding: value }], usage: value });
      builder.answer();
    }),
  );
});
