import type { UsageBuckets } from "../../domain/usage.ts";
import type { Answer, MockEvent } from "../dialect.ts";
import type { Directives } from "../directives.ts";
import { countOf, textOf } from "../json.ts";
import { promptTokens } from "../prompt-tokens.ts";
import { fieldOf, readForm } from "../read-form.ts";
import { answer, jsonAnswer, refuse, refuseByName, streamAnswer, withModel } from "./call.ts";
import type { Handler, OpenaiCall } from "./call.ts";
import { faultText, missing, serverFault } from "./fault.ts";
import { sseError, sseEvent } from "./sse.ts";

const defaultModel = "gpt-image-1";
const mostImages = 10;
/** What one image is billed as. */
const tokensPerImage = 272;
/** One grey pixel. */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

/** `POST /images/generations`. */
export const createImages = withModel(
  (call) => {
    const { body, directives } = call;
    const prompt = textOf(body["prompt"]);
    if (prompt === undefined) return refuse(call, missing("prompt"));
    const count = countOf(body["n"]) ?? 1;
    return draw(call, {
      prompt,
      count,
      linked: body["response_format"] === "url",
      streamed: body["stream"] === true,
      directives,
    });
  },
  { defaultModel },
);

/** `POST /images/edits` and `/images/variations`, which are forms. */
export const editImages: Handler = async (call) => {
  const form = await readForm(call.request);
  const directives = call.context.read(fieldOf(form, "model") ?? defaultModel);
  const prompt = fieldOf(form, "prompt") ?? "";
  return (
    refuseByName(call, directives) ??
    draw(call, { prompt, count: Number(fieldOf(form, "n") ?? 1) || 1, linked: false, streamed: false, directives })
  );
};

type Order = {
  readonly prompt: string;
  readonly count: number;
  readonly linked: boolean;
  readonly streamed: boolean;
  readonly directives: Directives;
};

function draw(call: OpenaiCall, { prompt, count, linked, streamed, directives }: Order): Answer {
  const images = Math.min(count, mostImages);
  const usage: UsageBuckets = { input: promptTokens(prompt), output_image: images * tokensPerImage };
  const created = call.context.now();
  if (linked) {
    const data = Array.from({ length: images }, (_, index) => ({
      url: `https://example.com/mock-${index}.png`,
      revised_prompt: prompt,
    }));
    return jsonAnswer(call, { created, data }, { directives });
  }
  if (streamed) {
    return streamAnswer(call, imageEvents(created, usage), {
      directives,
      usage,
      error: sseError(faultText(serverFault())),
    });
  }
  const data = Array.from({ length: images }, () => ({ b64_json: png }));
  const value = {
    created,
    background: "opaque",
    data,
    output_format: "png",
    quality: "low",
    size: "1024x1024",
    usage: imageUsage(usage),
  };
  return answer(call, JSON.stringify(value), { directives, usage });
}

function* imageEvents(created: number, usage: UsageBuckets): Generator<MockEvent> {
  const about = {
    b64_json: png,
    created_at: created,
    size: "1024x1024",
    quality: "low",
    background: "opaque",
    output_format: "png",
  };
  const event = (type: string, more: object): string => sseEvent(type, JSON.stringify({ type, ...about, ...more }));
  yield { text: event("image_generation.partial_image", { partial_image_index: 0 }), kind: "content" };
  yield { text: event("image_generation.completed", { usage: imageUsage(usage) }), kind: "end" };
}

function imageUsage({ input = 0, output_image = 0 }: UsageBuckets): object {
  return {
    input_tokens: input,
    input_tokens_details: { image_tokens: 0, text_tokens: input },
    output_tokens: output_image,
    total_tokens: input + output_image,
  };
}
