import type { Answer } from "./dialect.ts";
import { type JsonObject, object, present, text } from "./json.ts";

/**
 * Reads the error of a body or event of the OpenAI family: an object or a text under `error`, as OpenAI and nearly all send it,
 * or the members of the error themselves (vLLM's `object: "error"`, the Responses stream's `type: "error"`).
 */
export function readOpenaiError(body: JsonObject): Answer["error"] {
  const { error } = body;
  const message = text(error);
  if (message !== undefined) return { message };
  const members = object(error) ?? (body.object === "error" || body.type === "error" ? body : undefined);
  return members && describeError(members);
}

/** Reads the members of an error object. */
export function describeError(members: JsonObject): Answer["error"] {
  const said = text(members.message);
  const kind = code(members.code);
  const type = text(members.type);
  return { message: said ?? type ?? kind ?? "An error without a message", ...present({ type, code: kind }) };
}

/** Codes are words at OpenAI and HTTP statuses elsewhere. */
function code(value: unknown): string | undefined {
  return typeof value === "number" ? String(value) : text(value);
}
