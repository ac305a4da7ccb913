import type { AnswerBuilder, Dialect, RequestPlace } from "./dialect.ts";
import { readGeminiError } from "./gemini-error.ts";
import { modelOf } from "./gemini-model.ts";
import { readGeminiRequest } from "./gemini-request.ts";
import { readGeminiUsage } from "./gemini-usage.ts";
import { list, object, objects, present } from "./json.ts";

/** Gemini's `embedContent` and `batchEmbedContents`: vectors are counted, never kept. */
export const geminiEmbeddings: Dialect = {
  name: "gemini-embeddings",
  family: "gemini",
  kindOf: ({ method }) => (method === "POST" ? "embedding" : "other"),
  readRequest(body, place) {
    const facts = readGeminiRequest(body, place);
    return { ...facts, modalities: [...(facts.modalities ?? []), "embedding"] };
  },
  createAnswer,
};

function createAnswer(place: RequestPlace): AnswerBuilder {
  let value: unknown;
  return {
    whole(body) {
      value = body;
    },
    event(_name, data) {
      value = data;
    },
    answer() {
      const body = object(value) ?? object(list(value)[0]) ?? {};
      const vectors = [...objects([body.embedding]), ...objects(body.embeddings)];
      const dimensions = list(vectors[0]?.values).length;
      return present({
        model: modelOf(place),
        output: vectors.length === 0 ? undefined : { kind: "vectors" as const, count: vectors.length, dimensions },
        usage: readGeminiUsage(body.usageMetadata),
        error: readGeminiError(body),
      });
    },
  };
}
