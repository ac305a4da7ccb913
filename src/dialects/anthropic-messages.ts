import type { ExchangeKind } from "../domain/exchange.ts";
import { createAnthropicAnswer } from "./anthropic-answer.ts";
import type { Dialect, RequestFacts, RequestPlace } from "./dialect.ts";
import { type JsonObject, object, objects, present, text } from "./json.ts";

/** Anthropic's API: messages and their streams, the older completions, and its other endpoints as plain JSON. */
export const anthropicMessages: Dialect = {
  name: "anthropic-messages",
  family: "anthropic",
  kindOf,
  readRequest,
  createAnswer: createAnthropicAnswer,
};

function kindOf({ method, path }: RequestPlace): ExchangeKind {
  return method === "POST" && /\/(messages|complete)\/?$/.test(path) ? "generation" : "other";
}

function readRequest(body: unknown): RequestFacts {
  const { model, system, messages, tools, prompt, requests, ...parameters } = object(body) ?? {};
  return present({
    model: text(model),
    input: someMembers({ system, messages, tools, prompt, requests }),
    parameters: someMembers(parameters),
    modalities: readModalities(messages),
    user: text(object(parameters.metadata)?.user_id),
  });
}

function someMembers(members: JsonObject): JsonObject | undefined {
  const said = present(members);
  return Object.keys(said).length === 0 ? undefined : said;
}

const modalityOf = new Map([
  ["image", "vision"],
  ["document", "document"],
]);

function readModalities(messages: unknown): readonly string[] | undefined {
  const blocks = objects(messages).flatMap((message) => objects(message.content));
  const inner = blocks.flatMap((block) => objects(block.content));
  const found = [...blocks, ...inner].map((block) => modalityOf.get(text(block.type) ?? ""));
  const modalities = new Set(found.filter((modality) => modality !== undefined));
  return modalities.size === 0 ? undefined : [...modalities];
}
