import type { ExchangeKind } from "../domain/exchange.ts";
import type { Dialect, RequestPlace } from "./dialect.ts";
import { createGeminiAnswer } from "./gemini-answer.ts";
import { verbOf } from "./gemini-model.ts";
import { readGeminiRequest } from "./gemini-request.ts";

/** Gemini's `generateContent` in all its forms, and the API's other endpoints as plain JSON. */
export const geminiGenerate: Dialect = {
  name: "gemini-generate",
  family: "gemini",
  kindOf,
  readRequest: readGeminiRequest,
  createAnswer: createGeminiAnswer,
};

const generating = new Set(["generateContent", "streamGenerateContent", "predict", "predictLongRunning"]);

function kindOf(place: RequestPlace): ExchangeKind {
  return place.method === "POST" && generating.has(verbOf(place) ?? "") ? "generation" : "other";
}
