import { createContentBuilder, readContent } from "./anthropic-content.ts";
import { readAnthropicUsage } from "./anthropic-usage.ts";
import type { Answer, AnswerBuilder } from "./dialect.ts";
import { type JsonObject, list, object, present, text } from "./json.ts";
import { overlay } from "./overlay.ts";

/** Puts a message or an older completion together, from the whole body or from the events of its stream. */
export function createAnthropicAnswer(): AnswerBuilder {
  const content = createContentBuilder();
  /** What the whole message, or `message_start` and every `message_delta`, said; a later `null` wipes nothing. */
  let message: JsonObject | undefined;
  let usage: JsonObject | undefined;
  let completion: string | undefined;
  let error: Answer["error"];
  let other: unknown;
  let complete: boolean | undefined;

  function take(said: JsonObject | undefined): void {
    message = overlay(message, said);
  }

  function event(type: string, data: JsonObject): void {
    switch (type) {
      case "message_start":
        complete = false;
        take(object(data.message));
        usage = overlay(usage, object(object(data.message)?.usage));
        return;
      case "content_block_start":
        startBlock(data.index, object(data.content_block));
        return;
      case "content_block_delta":
        content.delta(data.index, object(data.delta) ?? {});
        return;
      case "message_delta":
        take(object(data.delta));
        usage = overlay(usage, object(data.usage));
        return;
      case "message_stop":
        complete = true;
        return;
      case "completion":
        takeCompletion(data);
        complete = text(data.stop_reason) !== undefined;
        return;
      case "error":
        complete = false;
        error = readError(data);
    }
  }

  function startBlock(index: unknown, block: JsonObject | undefined): void {
    if (block === undefined) return;
    content.start(index, block);
    // From here on another model answers.
    if (block.type === "fallback") take({ model: object(block.to)?.model });
  }

  function takeCompletion(data: JsonObject): void {
    take(data);
    completion = (completion ?? "") + (text(data.completion) ?? "");
  }

  return {
    whole(value) {
      const body = object(value);
      if (object(body?.error) !== undefined) error = readError(body ?? {});
      else if (typeof body?.completion === "string") takeCompletion(body);
      // Of a body that was too large to keep whole, only its end may be left.
      else if (Array.isArray(body?.content) || object(body?.usage) !== undefined) {
        message = body;
        usage = object(body?.usage);
      } else other = value;
    },
    event(name, data) {
      const said = object(data) ?? {};
      event(text(said.type) ?? name ?? "", said);
    },
    answer: () =>
      present({
        model: text(message?.model),
        responseId: text(message?.id),
        output: readOutput(),
        usage: readAnthropicUsage(usage),
        error,
        complete,
      }),
  };

  function readOutput(): Answer["output"] {
    if (other !== undefined) return { kind: "json", value: other };
    if (message === undefined) return undefined;
    const blocks =
      completion === undefined
        ? [...list(message.content), ...content.content()]
        : [{ type: "text", text: completion }];
    return { kind: "choices", choices: [readContent(blocks, message.stop_reason)] };
  }
}

/** https://platform.claude.com/docs/en/api/errors */
function readError(body: JsonObject): NonNullable<Answer["error"]> {
  const error = object(body.error);
  return { message: text(error?.message) ?? "error", ...present({ type: text(error?.type) }) };
}
