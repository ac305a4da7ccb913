import type { Answer, AnswerBuilder, RequestPlace } from "./dialect.ts";
import { readGeminiError } from "./gemini-error.ts";
import { modelOf, withoutPrefix } from "./gemini-model.ts";
import { createCandidate, readCitations } from "./gemini-parts.ts";
import { countSearches, readQueries } from "./gemini-searches.ts";
import { readGeminiUsage } from "./gemini-usage.ts";
import { type JsonObject, count, object, objects, present, text } from "./json.ts";
import { fromBase64 } from "./media-reference.ts";

type Candidate = {
  readonly parts: ReturnType<typeof createCandidate>;
  citations: readonly unknown[];
  finish?: string;
};

/** Puts an answer of `generateContent` together, whole, from events, or from the elements of a JSON array; other JSON is kept as it is. */
export function createGeminiAnswer(place: RequestPlace): AnswerBuilder {
  const candidates = new Map<number, Candidate>();
  const queries: string[] = [];
  let about: Pick<Answer, "model" | "responseId"> = {};
  let usage: unknown;
  let blocked: string | undefined;
  let predictions: readonly JsonObject[] = [];
  let error: Answer["error"];
  let other: unknown;
  let streamed = false;

  function take(value: unknown): void {
    const body = object(value) ?? {};
    error = readGeminiError(body) ?? error;
    about = {
      ...about,
      ...present({ model: withoutPrefix(text(body.modelVersion)), responseId: text(body.responseId) }),
    };
    // Every chunk counts anew what all before it used.
    usage = object(body.usageMetadata) ?? usage;
    const feedback = object(body.promptFeedback);
    blocked = text(feedback?.blockReasonMessage) ?? text(feedback?.blockReason) ?? blocked;
    for (const candidate of objects(body.candidates)) takeCandidate(candidate);
    predictions = [...predictions, ...objects(body.predictions)];
  }

  function takeCandidate(said: JsonObject): void {
    const index = count(said.index) ?? 0;
    const candidate: Candidate = candidates.get(index) ?? { parts: createCandidate(), citations: [] };
    candidates.set(index, candidate);
    candidate.parts.add(said.content);
    candidate.finish = text(said.finishReason) ?? candidate.finish;
    queries.push(...readQueries(said));
    const citations = readCitations(said);
    if (citations.length > 0) candidate.citations = citations;
  }

  function isOurs(): boolean {
    return candidates.size > 0 || predictions.length > 0 || [error, usage, blocked].some((part) => part !== undefined);
  }

  function readOutput(): Answer["output"] {
    if (candidates.size > 0) {
      const choices = [...candidates].map(([index, { parts, citations, finish }]) =>
        parts.choice(index, { citations, ...present({ finish }) }),
      );
      return { kind: "choices", choices: choices.toSorted((a, b) => a.index - b.index) };
    }
    if (predictions.length > 0) return { kind: "choices", choices: predictions.map(readPrediction) };
    if (blocked !== undefined) return { kind: "choices", choices: [{ index: 0, refusal: blocked }] };
    return other === undefined ? undefined : { kind: "json", value: other };
  }

  return {
    whole(value) {
      // Errors of a stream come as an array, and a stream may come as one.
      for (const item of Array.isArray(value) ? value : [value]) take(item);
      if (!isOurs()) other = value;
    },
    event(_name, data) {
      streamed = true;
      take(data);
    },
    answer() {
      const model = about.model ?? modelOf(place);
      return present({
        model,
        responseId: about.responseId,
        output: readOutput(),
        usage: readGeminiUsage(usage, countSearches(model, queries)),
        error,
        complete: streamed ? isComplete() : undefined,
      });
    },
  };

  /** A stream has no last event of its own; its candidates say that they have finished. */
  function isComplete(): boolean | undefined {
    if (error !== undefined) return false;
    if (candidates.size === 0) return blocked === undefined ? undefined : true;
    return [...candidates.values()].every(({ finish }) => finish !== undefined);
  }
}

/** Imagen's and Veo's answers to `predict`. */
function readPrediction(prediction: JsonObject, index: number) {
  const type = text(prediction.mimeType) ?? "image/png";
  const bytes = text(prediction.bytesBase64Encoded);
  return { index, ...present({ media: bytes === undefined ? undefined : [fromBase64(type, bytes)] }) };
}
