import type { UsageBuckets } from "../../domain/usage.ts";
import { hashOf } from "../ids.ts";
import type { Ids } from "../ids.ts";
import { fixedText, tokensIn, wholeText } from "../text.ts";
import type { Turn } from "../turn.ts";
import { usageMetadata } from "./usage-metadata.ts";

/** What an answer is beside its turns, one for each candidate. */
export type ContentFacts = {
  readonly turns: readonly Turn[];
  readonly usage: UsageBuckets;
  readonly model: string;
  readonly responseId: string;
  readonly ids: Ids;
  /** Whether thoughts are told, or only counted. */
  readonly tellsThoughts: boolean;
};

/** The turns as a whole answer of `generateContent`. */
export function contentBody(facts: ContentFacts): object {
  const candidates = facts.turns.map((turn, index) => ({
    content: {
      parts: [...thoughtParts(turn, facts), ...textParts(turn), ...callParts(turn, facts.ids)],
      role: "model",
    },
    finishReason: finishReason(turn),
    index,
  }));
  return envelope(candidates, facts.usage, facts);
}

/** The same as the chunks of a stream; each counts all that has been said so far. */
export function* contentChunks(facts: ContentFacts): Generator<{ readonly chunk: object; readonly last: boolean }> {
  let said = 0;
  const soFar = (): UsageBuckets => ({ ...facts.usage, output: Math.min(tokensIn(said), facts.usage.output ?? 0) });
  for (const [index, turn] of facts.turns.entries()) {
    for (const part of streamedParts(turn, facts)) {
      said += part.said;
      const candidate = { content: { parts: [part.part], role: "model" }, index };
      yield { chunk: envelope([candidate], soFar(), facts), last: false };
    }
  }
  const ends = facts.turns.map((turn, index) => ({
    content: { parts: [{ text: "" }], role: "model" },
    finishReason: finishReason(turn),
    index,
  }));
  yield { chunk: envelope(ends, facts.usage, facts), last: true };
}

function* streamedParts(turn: Turn, facts: ContentFacts): Generator<{ readonly part: object; readonly said: number }> {
  if (facts.tellsThoughts) {
    for (const text of fixedText(turn.reasoning).pieces()) yield { part: { text, thought: true }, said: 0 };
  }
  for (const text of turn.text.pieces()) yield { part: { text }, said: text.length };
  for (const part of callParts(turn, facts.ids)) yield { part, said: JSON.stringify(part).length };
}

function thoughtParts({ reasoning }: Turn, { tellsThoughts }: ContentFacts): readonly object[] {
  return reasoning === "" || !tellsThoughts ? [] : [{ text: reasoning, thought: true }];
}

function textParts({ text }: Turn): readonly object[] {
  return text.length === 0 ? [] : [{ text: wholeText(text) }];
}

/** The first call carries the thoughts that led to it, for the next turn. */
function callParts({ calls, reasoning }: Turn, ids: Ids): readonly object[] {
  const thoughtSignature = Buffer.from(`mock-signature-${hashOf(reasoning)}`).toString("base64");
  return calls.map(({ name, args }, index) => ({
    functionCall: { name, args, id: ids.next("", 8) },
    ...(reasoning !== "" && index === 0 ? { thoughtSignature } : {}),
  }));
}

function envelope(candidates: readonly object[], usage: UsageBuckets, { model, responseId }: ContentFacts): object {
  return { candidates, usageMetadata: usageMetadata(usage), modelVersion: model, responseId };
}

function finishReason({ finish }: Turn): string {
  return finish === "length" ? "MAX_TOKENS" : "STOP";
}
