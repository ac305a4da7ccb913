import type { UsageBuckets } from "../../domain/usage.ts";
import { hashOf } from "../ids.ts";
import type { Ids } from "../ids.ts";
import { fixedText, fragments, wholeText } from "../text.ts";
import type { Turn } from "../turn.ts";

/** What an interaction is beside its turn. */
export type InteractionFacts = { readonly id: string; readonly model: string; readonly ids: Ids; readonly now: number };

/** One thing that the model does, whole or as the pieces of a stream. */
export type InteractionStep = {
  readonly whole: object;
  /** What a stream tells of it at first. */
  readonly start: object;
  readonly deltas: () => Iterable<object>;
};

/** Pieces of arguments are cut without regard to words. */
const argumentPiece = 12;

/** What a turn consists of: https://ai.google.dev/gemini-api/docs/interactions */
export function stepsOf({ reasoning, text, calls }: Turn, ids: Ids): readonly InteractionStep[] {
  const signature = Buffer.from(`mock-signature-${hashOf(reasoning)}`).toString("base64");
  const thought: InteractionStep = {
    whole: { type: "thought", signature, summary: [{ type: "text", text: reasoning }] },
    start: { type: "thought" },
    deltas: () => thoughtDeltas(reasoning, signature),
  };
  const output = (): InteractionStep => ({
    whole: { type: "model_output", content: [{ type: "text", text: wholeText(text) }] },
    start: { type: "model_output" },
    deltas: () => textDeltas(text.pieces()),
  });
  const callSteps = calls.map(({ name, args }): InteractionStep => {
    const call = { type: "function_call", id: ids.next("", 8), name };
    return {
      whole: { ...call, arguments: args },
      start: { ...call, arguments: {} },
      deltas: () => argumentDeltas(JSON.stringify(args)),
    };
  });
  return [...(reasoning === "" ? [] : [thought]), ...(text.length === 0 ? [] : [output()]), ...callSteps];
}

/** An interaction without its steps, as it begins or as it ends. */
export function interactionHead({ id, model, now }: InteractionFacts, status: string): object {
  const time = new Date(now * 1_000).toISOString();
  return {
    id,
    object: "interaction",
    model,
    status,
    role: "model",
    created: time,
    updated: time,
    service_tier: "standard",
  };
}

/** How an interaction stands once the model is done. */
export function endStatus({ finish }: Turn): string {
  if (finish === "calls") return "requires_action";
  return finish === "length" ? "incomplete" : "completed";
}

/** Usage as an interaction tells it. */
export function interactionUsage(usage: UsageBuckets): object {
  const { input = 0, input_cached: cached = 0, output = 0, output_reasoning: thoughts = 0 } = usage;
  return {
    total_tokens: input + cached + output + thoughts,
    total_input_tokens: input + cached,
    input_tokens_by_modality: [{ modality: "text", tokens: input + cached }],
    total_cached_tokens: cached,
    total_output_tokens: output,
    total_tool_use_tokens: 0,
    total_thought_tokens: thoughts,
  };
}

function* thoughtDeltas(reasoning: string, signature: string): Generator<object> {
  for (const text of fixedText(reasoning).pieces()) yield { type: "thought_summary", content: { type: "text", text } };
  yield { type: "thought_signature", signature };
}

function* textDeltas(pieces: Iterable<string>): Generator<object> {
  for (const text of pieces) yield { type: "text", text };
}

function* argumentDeltas(json: string): Generator<object> {
  for (const piece of fragments(json, argumentPiece)) yield { type: "arguments_delta", arguments: piece };
}
