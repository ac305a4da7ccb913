import type { Dialect, RequestFacts, RequestPlace } from "./dialect.ts";
import { createInteractionAnswer } from "./gemini-interaction-answer.ts";
import { withoutPrefix } from "./gemini-model.ts";
import { modalityOf, pick } from "./gemini-request.ts";
import { type JsonObject, object, objects, present, text } from "./json.ts";

/** Gemini's interactions, of models and of agents, whole and as a stream; their older form without steps too. */
export const geminiInteractions: Dialect = {
  name: "gemini-interactions",
  family: "gemini",
  kindOf: ({ method, path }: RequestPlace) =>
    method === "POST" && /\/interactions\/?$/.test(path) ? "generation" : "other",
  readRequest,
  createAnswer: createInteractionAnswer,
};

const inputMembers: ReadonlySet<string> = new Set(["input", "system_instruction", "tools"]);

function readRequest(body: unknown): RequestFacts {
  const { model, ...rest } = object(body) ?? {};
  return present({
    model: withoutPrefix(text(model)) ?? text(rest.agent),
    input: pick(rest, (name) => inputMembers.has(name)),
    parameters: pick(rest, (name) => !inputMembers.has(name)),
    modalities: readModalities(rest.input),
  });
}

/** The input is one content, a list of them, or of steps that hold them. */
function readModalities(input: unknown): readonly string[] | undefined {
  const items = Array.isArray(input) ? objects(input) : objects([input]);
  const contents = [...items, ...items.flatMap(({ content }) => objects(content))];
  const found = new Set(contents.filter(isMedia).map((content) => modalityOf(text(content.type) ?? "")));
  return found.size === 0 ? undefined : [...found];
}

/** Whether a content is a picture, a sound, a film or a document. */
function isMedia({ type }: JsonObject): boolean {
  return type === "image" || type === "audio" || type === "video" || type === "document";
}
