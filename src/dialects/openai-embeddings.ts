import type { Output } from "../domain/output.ts";
import type { AnswerBuilder, Dialect } from "./dialect.ts";
import { type JsonObject, object, objects, present, text } from "./json.ts";
import { base64Bytes } from "./media-reference.ts";
import { readOpenaiError } from "./openai-error.ts";
import { readOpenaiRequest } from "./openai-request.ts";
import { readOpenaiUsage } from "./openai-usage.ts";

const content: ReadonlySet<string> = new Set(["input"]);
/** A vector comes as base64 of 32-bit floats where the consumer asks so. */
const bytesPerFloat = 4;

/** Embeddings; the vectors are counted and left out. https://platform.openai.com/docs/api-reference/embeddings */
export const openaiEmbeddings: Dialect = {
  name: "openai-embeddings",
  family: "openai",
  kindOf: ({ method }) => (method === "POST" ? "embedding" : "other"),
  readRequest: (body, place) => readOpenaiRequest(body, place, content),
  createAnswer,
};

function createAnswer(): AnswerBuilder {
  let value: unknown;
  return {
    whole(body) {
      value = body;
    },
    event(_name, data) {
      value = object(data) ?? value;
    },
    answer() {
      const body = object(value) ?? {};
      return present({
        model: text(body.model),
        responseId: text(body.id),
        output: readVectors(body),
        usage: readOpenaiUsage(body.usage, { tier: body.service_tier }),
        error: readOpenaiError(body),
      });
    },
  };
}

function readVectors(body: JsonObject): Output | undefined {
  const vectors = objects(body.data);
  const first = vectors[0]?.embedding;
  if (first === undefined) return undefined;
  return { kind: "vectors", count: vectors.length, dimensions: dimensionsOf(first) };
}

function dimensionsOf(vector: unknown): number {
  if (typeof vector === "string") return Math.floor(base64Bytes(vector) / bytesPerFloat);
  return Array.isArray(vector) ? vector.length : 0;
}
