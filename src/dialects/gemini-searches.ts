import { type JsonObject, list, object, objects, text } from "./json.ts";

/**
 * Counts what Google bills for searches that an answer rests on: each different query of Gemini 3 and later, and of older models
 * one for the whole answer, however often it searched (https://ai.google.dev/gemini-api/docs/google-search#pricing).
 */
export function countSearches(model: string | undefined, queries: readonly string[]): number | undefined {
  const different = new Set(queries).size;
  return different > 0 && isOlder(model) ? 1 : different || undefined;
}

/** The queries of a candidate, or of what a socket says; what it found in files or at an address is no search. */
export function readQueries(grounded: JsonObject): readonly string[] {
  return readTexts(object(grounded.groundingMetadata)?.webSearchQueries);
}

/** The queries of an interaction's steps. */
export function readStepQueries(steps: readonly JsonObject[]): readonly string[] {
  const calls = steps.filter(({ type }) => type === "google_search_call");
  return calls.flatMap((call) => readTexts(object(call.arguments)?.queries));
}

/** What an interaction's usage counts of searches by itself. */
export function countToldSearches(usage: JsonObject | undefined, model: string | undefined): number | undefined {
  const told = objects(usage?.grounding_tool_count).filter(({ type }) => text(type) === "google_search");
  const searches = told.reduce((sum, { count }) => sum + (typeof count === "number" ? count : 0), 0);
  return searches > 0 && isOlder(model) ? 1 : searches || undefined;
}

function readTexts(value: unknown): readonly string[] {
  return list(value)
    .map((each) => text(each)?.trim() ?? "")
    .filter((each) => each !== "");
}

/** `gemini-2.5-flash`, `gemini-live-2.5-flash-preview`; a name without a number is that of the latest. */
function isOlder(model: string | undefined): boolean {
  return /\bgemini-(?:[a-z]+-)*[12](?:\.\d+)?(?![\d.])/.test(model ?? "");
}
