import { jsonAnswer, refuseByName } from "./call.ts";
import type { Handler } from "./call.ts";

const names = [
  "gpt-4o",
  "gpt-4o-mini",
  "gpt-5",
  "o4-mini",
  "text-embedding-3-small",
  "gpt-image-1",
  "gpt-4o-transcribe",
  "tts-1",
];
const created = 1_715_367_049;

/** `GET /models`. */
export const listModels: Handler = (call) => jsonAnswer(call, { object: "list", data: names.map(describe) });

/** `GET /models/{id}`: there is every model, but for what its name asks for. */
export const getModel: Handler = (call) => {
  const directives = call.context.read(decode(call.id));
  return refuseByName(call, directives) ?? jsonAnswer(call, describe(directives.model), { directives });
};

function describe(id: string): object {
  return { id, object: "model", created, owned_by: "system" };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
