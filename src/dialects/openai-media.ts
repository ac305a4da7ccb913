import type { Choice, Output } from "../domain/output.ts";
import type { Answer, AnswerBuilder, Dialect, RequestPlace } from "./dialect.ts";
import { type JsonObject, object, objects, present, text } from "./json.ts";
import { base64Bytes, fromBase64, fromUrl } from "./media-reference.ts";
import { readOpenaiError } from "./openai-error.ts";
import { openForm, readOpenaiRequest } from "./openai-request.ts";
import { readOpenaiUsage } from "./openai-usage.ts";

const content: ReadonlySet<string> = new Set(["prompt", "input", "instructions", "image", "image[]", "mask", "file"]);

/**
 * Images, speech and transcription: JSON, forms, and the streams of each. Speech as bytes, and transcripts as plain text,
 * are no matter of a dialect. https://platform.openai.com/docs/api-reference/images, https://platform.openai.com/docs/api-reference/audio
 */
export const openaiMedia: Dialect = {
  name: "openai-media",
  family: "openai",
  kindOf: ({ method, path }) => (method === "POST" && isGeneration.test(path) ? "generation" : "other"),
  readRequest: (body, place) => readOpenaiRequest(openForm(body), place, content),
  createAnswer,
};

const isGeneration = /\/(images\/(generations|edits|variations)|audio\/(speech|transcriptions|translations))\/?$/;

function createAnswer({ path }: RequestPlace): AnswerBuilder {
  let body: JsonObject = {};
  const images: JsonObject[] = [];
  let partial: JsonObject | undefined;
  let transcript = "";
  let speechBytes = 0;
  let error: Answer["error"];
  let complete: boolean | undefined;

  function take(value: JsonObject) {
    body = value;
    error = readOpenaiError(value) ?? error;
  }

  function takeEvent(type: string, event: JsonObject) {
    take(event);
    if (type.endsWith(".completed") || type.endsWith(".done")) complete = true;
    if (type.endsWith(".partial_image")) partial = event;
    else if (text(event.b64_json) !== undefined) images.push(event);
    else if (type === "speech.audio.delta") speechBytes += base64Bytes(text(event.audio) ?? "");
    else if (type === "transcript.text.delta") transcript += text(event.delta) ?? "";
    else if (type === "transcript.text.done") transcript = text(event.text) ?? transcript;
  }

  function output(): Output | undefined {
    if (speechBytes > 0) return { kind: "binary", type: "audio", bytes: speechBytes };
    if (transcript !== "") return { kind: "choices", choices: [{ index: 0, text: transcript }] };
    // An image that was never finished has been seen all the same.
    const seen = images.length > 0 || !partial ? images : [partial];
    return seen.length > 0 ? { kind: "choices", choices: seen.map(readImage) } : undefined;
  }

  return {
    whole(value) {
      const whole = object(value) ?? {};
      take(whole);
      const format = whole.output_format;
      for (const image of objects(whole.data)) images.push({ output_format: format, ...image });
      transcript = text(whole.text) ?? "";
    },
    event(name, data) {
      complete ??= false;
      const event = object(data);
      if (event) takeEvent(text(event.type) ?? name ?? "", event);
    },
    answer() {
      const usage = readOpenaiUsage(body.usage, { output: outputOf(path) });
      return present({ model: text(body.model), output: output(), usage, error, complete });
    },
  };
}

/** Only newer models break their output down; what others make is all of a kind. */
function outputOf(path: string) {
  if (path.includes("/images/")) return "output_image";
  return path.includes("/speech") ? "output_audio" : undefined;
}

function readImage(image: JsonObject, index: number): Choice {
  const base64 = text(image.b64_json);
  const url = text(image.url);
  const inline = base64 === undefined ? [] : [fromBase64(`image/${text(image.output_format) ?? "png"}`, base64)];
  const linked = url === undefined ? [] : [fromUrl("image", url)];
  return { index, ...present({ text: text(image.revised_prompt) }), media: [...inline, ...linked] };
}
