import type { RequestFacts, RequestPlace } from "./dialect.ts";
import { modelOf, withoutPrefix } from "./gemini-model.ts";
import { readMedia } from "./gemini-parts.ts";
import { type JsonObject, object, objects, present, text } from "./json.ts";

/** What the model is given, in both spellings that Google takes. */
const inputMembers: ReadonlySet<string> = new Set([
  "contents",
  "content",
  "requests",
  "instances",
  "systemInstruction",
  "system_instruction",
  "tools",
]);

/** Splits a request of Gemini's into what the model is given and the rest; the model is in the path. */
export function readGeminiRequest(body: unknown, place: RequestPlace): RequestFacts {
  // Counting takes a whole generation's request, too.
  const request = object(object(body)?.generateContentRequest) ?? object(body) ?? {};
  const { model, ...rest } = request;
  return present({
    model: modelOf(place) ?? withoutPrefix(text(model)),
    input: pick(rest, (name) => inputMembers.has(name)),
    parameters: pick(rest, (name) => !inputMembers.has(name)),
    modalities: readModalities([request, ...objects(request.requests)]),
  });
}

/** The members that pass; `undefined` where none does. */
export function pick(members: JsonObject, passes: (name: string) => boolean): JsonObject | undefined {
  const kept = Object.entries(members).filter(([name]) => passes(name));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** What kind of content a media type is. */
export function modalityOf(type: string): string {
  if (/^(?:image|video)\b/.test(type)) return "vision";
  return /^audio\b/.test(type) ? "audio" : "document";
}

function readModalities(requests: readonly JsonObject[]): readonly string[] | undefined {
  const contents = requests.flatMap(({ contents: all, content }) => [...objects(all), ...objects([content])]);
  const media = contents.flatMap(({ parts }) => objects(parts).flatMap(readMedia));
  const found = new Set(media.map(({ type }) => modalityOf(type)));
  return found.size === 0 ? undefined : [...found];
}
