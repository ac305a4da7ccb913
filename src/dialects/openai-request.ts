import type { RequestFacts, RequestPlace } from "./dialect.ts";
import { type JsonObject, list, object, objects, present, text } from "./json.ts";

/** What kind of content a part of a message is, by its `type`. */
const partModalities: ReadonlyMap<unknown, string> = new Map([
  ["image_url", "vision"],
  ["image", "vision"],
  ["input_image", "vision"],
  ["input_audio", "audio"],
  ["file", "document"],
  ["document", "document"],
  ["input_file", "document"],
]);

/** What an endpoint is for, by its path. */
const pathModalities = [
  [/\/images\//, "vision"],
  [/\/audio\//, "audio"],
  [/\/embeddings\/?$/, "embedding"],
] as const;

/** Splits a request of the OpenAI family into what the model is given (the members named) and the rest. */
export function readOpenaiRequest(body: unknown, place: RequestPlace, content: ReadonlySet<string>): RequestFacts {
  const members = object(body) ?? {};
  const entries = Object.entries(members);
  const input = entries.filter(([name]) => content.has(name));
  const parameters = entries.filter(([name]) => !content.has(name) && name !== "model");
  const modalities = [...modalitiesOf(members, place)];
  return present({
    model: text(members.model) ?? deploymentOf(place),
    input: input.length > 0 ? Object.fromEntries(input) : undefined,
    parameters: parameters.length > 0 ? Object.fromEntries(parameters) : undefined,
    modalities: modalities.length > 0 ? modalities : undefined,
    user: text(members.user) ?? text(members.safety_identifier),
    session: text(members.session_id) ?? text(members.conversation) ?? text(object(members.conversation)?.id),
  });
}

/** Lays a form open: its fields, and its files by the name of their field. */
export function openForm(body: unknown): unknown {
  const form = object(body);
  const fields = object(form?.fields);
  if (!form || !fields || !Array.isArray(form.files)) return body;
  const files: Record<string, JsonObject[]> = {};
  for (const { name, ...file } of objects(form.files)) {
    if (typeof name === "string") (files[name] ??= []).push(file);
  }
  return { ...fields, ...files };
}

/** Azure names the model's deployment in the path. */
function deploymentOf({ path }: RequestPlace): string | undefined {
  const name = /\/deployments\/([^/]+)\//.exec(path)?.[1];
  if (name === undefined) return undefined;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function modalitiesOf(members: JsonObject, { path }: RequestPlace): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [pattern, modality] of pathModalities) if (pattern.test(path)) found.add(modality);
  for (const item of [...list(members.messages), ...list(members.input)]) {
    const message = object(item);
    // Tools answer with images and files too.
    for (const part of [message, ...list(message?.content), ...list(message?.output)]) {
      const modality = partModalities.get(object(part)?.type);
      if (modality !== undefined) found.add(modality);
    }
  }
  return found;
}
