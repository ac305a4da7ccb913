import type { UsageBuckets } from "../domain/usage.ts";
import type { Wishes } from "./directives.ts";
import { isObject } from "./json.ts";
import type { Json } from "./json.ts";
import { sampleOf } from "./schema-sample.ts";
import { fixedText, longText, numberedText, shortened, tokensIn } from "./text.ts";
import type { Text } from "./text.ts";

/** What a request for a generation says, in no dialect's words. */
export type Prompt = {
  readonly model: string;
  readonly inputTokens: number;
  /** What the user said last. */
  readonly question: string;
  /** The last message is a user's own, not a tool's result. */
  readonly asked: boolean;
  readonly tools: readonly Tool[];
  /** Tools must not be called, may be, or this one must. */
  readonly toolChoice: "none" | "any" | { readonly name: string };
  /** The answer is to fit this JSON Schema. */
  readonly schema?: unknown;
  readonly thinks: boolean;
  readonly maxTokens?: number;
  /** The part of the input that comes from a cache or goes into one; by default what long prompts get. */
  readonly cache?: Pick<UsageBuckets, "input_cached" | "input_cache_write_5m" | "input_cache_write_1h">;
};

/** A function that may be called. */
export type Tool = { readonly name: string; readonly schema: unknown };

/** A function call, with arguments that fit its schema. */
export type Call = { readonly name: string; readonly args: Json };

/** What the mock answers, in no dialect's words. */
export type Turn = {
  readonly text: Text;
  readonly reasoning: string;
  readonly calls: readonly Call[];
  readonly finish: "stop" | "length" | "calls";
  /** What it is billed as. */
  readonly usage: UsageBuckets;
};

/** Answers a prompt: always the same for the same prompt and wishes. `choice` counts from 0 where several were asked for. */
export function composeTurn(prompt: Prompt, wishes: Wishes, choice = 0): Turn {
  const calls = callsOf(prompt, wishes);
  const whole = calls.length > 0 ? fixedText("") : answerText(prompt, wishes, choice);
  const text = prompt.maxTokens === undefined ? whole : shortened(whole, prompt.maxTokens * 4);
  const reasoning =
    prompt.thinks || wishes.think ? `The question is "${brief(prompt.question)}". A short answer will do.` : "";
  const spoken = text.length + (calls.length > 0 ? JSON.stringify(calls).length : 0);
  return {
    text,
    reasoning,
    calls,
    finish: calls.length > 0 ? "calls" : text.length < whole.length ? "length" : "stop",
    usage: { ...inputUsage(prompt), output: tokensIn(spoken), output_reasoning: tokensIn(reasoning.length) },
  };
}

function callsOf({ tools, toolChoice, asked }: Prompt, wishes: Wishes): readonly Call[] {
  if (!asked || toolChoice === "none" || wishes.answer.kind !== "canned") return [];
  const callable = toolChoice === "any" ? tools : tools.filter((tool) => tool.name === toolChoice.name);
  return callable.slice(0, wishes.calls).map((tool) => {
    const args = sampleOf(tool.schema);
    return { name: tool.name, args: isObject(args) ? args : {} };
  });
}

function answerText({ question, schema }: Prompt, { answer }: Wishes, choice: number): Text {
  switch (answer.kind) {
    case "echo":
      return fixedText(question);
    case "big":
      return longText(answer.length);
    case "chunks":
      return numberedText(answer.count);
    case "text":
    case "canned": {
      if (schema !== undefined) return fixedText(JSON.stringify(sampleOf(schema)));
      const which = choice === 0 ? "" : `Choice ${choice + 1}. `;
      return fixedText(
        `${which}You said "${brief(question)}". This is the mock's answer, the same for the same question, and long enough to come in several pieces.`,
      );
    }
  }
}

/** Long prompts are half from a cache, as far as whole blocks of 128 go. */
function inputUsage({ inputTokens, cache }: Prompt): UsageBuckets {
  const cached = cache ?? { input_cached: inputTokens < 1_024 ? 0 : Math.floor(inputTokens / 256) * 128 };
  const apart = Object.values(cached).reduce((sum, count) => sum + count, 0);
  return { ...cached, input: inputTokens - apart };
}

function brief(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= 60 ? line : `${line.slice(0, 59).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
