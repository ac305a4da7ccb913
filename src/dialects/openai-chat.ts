import type { Output } from "../domain/output.ts";
import type { Answer, AnswerBuilder, Dialect } from "./dialect.ts";
import { type JsonObject, count, list, object, present, text } from "./json.ts";
import { type ChoiceBuilder, createChoice } from "./openai-choice.ts";
import { describeError, readOpenaiError } from "./openai-error.ts";
import { readOpenaiRequest } from "./openai-request.ts";
import { readOpenaiUsage } from "./openai-usage.ts";

const content: ReadonlySet<string> = new Set([
  "messages",
  "tools",
  "tool_choice",
  "functions",
  "function_call",
  "prompt",
  "suffix",
]);

/**
 * Chat completions and legacy completions, as OpenAI and whoever speaks its dialect send them.
 * https://platform.openai.com/docs/api-reference/chat, https://platform.openai.com/docs/api-reference/chat-streaming
 */
export const openaiChat: Dialect = {
  name: "openai-chat",
  family: "openai",
  kindOf: ({ method, path }) => (method === "POST" && /\/completions\/?$/.test(path) ? "generation" : "other"),
  readRequest: (body, place) => readOpenaiRequest(body, place, content),
  createAnswer,
};

function createAnswer(): AnswerBuilder {
  const choices = new Map<number, ChoiceBuilder>();
  let model: string | undefined;
  let responseId: string | undefined;
  let usage: JsonObject | undefined;
  let tier: unknown;
  let sources: readonly unknown[] = [];
  let error: Answer["error"];
  let streamed = false;
  let done = false;
  let other: unknown;

  function take(body: JsonObject) {
    model ??= text(body.model);
    responseId ??= text(body.id);
    tier = body.service_tier ?? tier;
    usage = object(body.usage) ?? object(object(body.x_groq)?.usage) ?? usage;
    error = readOpenaiError(body) ?? error;
    // Perplexity repeats all of its sources in every chunk.
    if (Array.isArray(body.citations)) sources = list(body.citations);
    for (const [position, value] of list(body.choices).entries()) {
      const choice = object(value);
      if (choice) takeChoice(choice, count(choice.index) ?? position);
    }
  }

  function takeChoice(choice: JsonObject, index: number) {
    let builder = choices.get(index);
    if (!builder) choices.set(index, (builder = createChoice()));
    builder.add(choice);
    // Moonshot tells a stream's usage with the choice, OpenRouter an upstream's error.
    usage = object(choice.usage) ?? usage;
    const failure = object(choice.error);
    if (failure) error = describeError(failure);
  }

  /** Not every provider ends its streams with `[DONE]`. */
  function isFinished(): boolean {
    return choices.size > 0 && [...choices.values()].every((builder) => builder.isFinished());
  }

  function output(): Output | undefined {
    if (choices.size === 0) return other === undefined ? undefined : { kind: "json", value: other };
    const ordered = [...choices].toSorted(([a], [b]) => a - b);
    return { kind: "choices", choices: ordered.map(([index, builder]) => builder.choice(index, sources)) };
  }

  return {
    whole(value) {
      const body = object(value);
      if (body) take(body);
      // Stored completions are listed, updated and deleted at the same paths.
      if (!Array.isArray(body?.choices) && !error) other = value;
    },
    event(_name, data) {
      streamed = true;
      if (data === "[DONE]") done = true;
      const body = object(data);
      if (body) take(body);
    },
    answer: () =>
      present({
        model,
        responseId,
        output: output(),
        usage: readOpenaiUsage(usage, { tier }),
        error,
        complete: streamed ? done || isFinished() : undefined,
      }),
  };
}
