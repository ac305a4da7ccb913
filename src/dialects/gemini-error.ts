import type { Answer } from "./dialect.ts";
import { type JsonObject, object, present, text } from "./json.ts";

/** Reads Google's error (https://cloud.google.com/apis/design/errors): the type is its status, the code its number. */
export function readGeminiError(body: JsonObject): Answer["error"] {
  const error = object(body.error);
  if (error === undefined) return undefined;
  const type = text(error.status);
  const code = typeof error.code === "number" ? String(error.code) : text(error.code);
  return { message: text(error.message) ?? type ?? "An error without a message", ...present({ type, code }) };
}
