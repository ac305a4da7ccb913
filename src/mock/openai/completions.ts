import type { Answer, MockEvent } from "../dialect.ts";
import { countOf, listOf, objectOf, textOf } from "../json.ts";
import { promptTokens } from "../prompt-tokens.ts";
import { wholeText } from "../text.ts";
import { composeTurn } from "../turn.ts";
import type { Turn } from "../turn.ts";
import { jsonAnswer, streamAnswer, withModel } from "./call.ts";
import type { ModelCall } from "./call.ts";
import { faultText, serverFault } from "./fault.ts";
import { sseData, sseError } from "./sse.ts";
import { chatUsage, usageOfChoices } from "./usage.ts";

const mostChoices = 128;

/** `POST /completions`, of the days before chat. */
export const createCompletion = withModel((call): Answer => {
  const { body, context, directives } = call;
  const { model, wishes } = directives;
  const prompts = typeof body["prompt"] === "string" ? [body["prompt"]] : listOf(body["prompt"]);
  const count = Math.min(Math.max(1, prompts.length) * (countOf(body["n"]) ?? 1), mostChoices);
  const turns = Array.from({ length: count }, (_, choice) => composeTurn(readPrompt(call, prompts), wishes, choice));
  const usage = usageOfChoices(turns.map((turn) => turn.usage));
  const head = { id: context.ids.next("cmpl-", 29), object: "text_completion", created: context.now(), model };
  if (body["stream"] === true) {
    const told = objectOf(body["stream_options"])["include_usage"] === true ? chatUsage(usage) : undefined;
    return streamAnswer(call, completionEvents(head, turns, told), {
      directives,
      usage,
      error: sseError(faultText(serverFault())),
    });
  }
  const choices = turns.map(({ text, finish }, index) => ({
    text: wholeText(text),
    index,
    logprobs: null,
    finish_reason: finish,
  }));
  return jsonAnswer(call, { ...head, choices, usage: chatUsage(usage) }, { directives, usage });
});

function readPrompt({ body, directives }: ModelCall, prompts: readonly unknown[]) {
  return {
    model: directives.model,
    inputTokens: promptTokens(prompts),
    question: textOf(prompts[0]) ?? "",
    asked: true,
    tools: [],
    toolChoice: "none",
    thinks: false,
    maxTokens: countOf(body["max_tokens"]),
  } as const;
}

function* completionEvents(head: object, turns: readonly Turn[], usage: object | undefined): Generator<MockEvent> {
  const event = (choices: readonly object[], told: object | null): string =>
    sseData(JSON.stringify({ ...head, choices, ...(usage === undefined ? {} : { usage: told }) }));
  const choice = (text: string, index: number, finish: string | null): string =>
    event([{ text, index, logprobs: null, finish_reason: finish }], null);

  for (const [index, { text, finish }] of turns.entries()) {
    for (const piece of text.pieces()) yield { text: choice(piece, index, null), kind: "content" };
    yield { text: choice("", index, finish) };
  }
  if (usage !== undefined) yield { text: event([], usage) };
  yield { text: sseData("[DONE]"), kind: "end" };
}
