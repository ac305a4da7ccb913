import type { UsageBuckets } from "../../domain/usage.ts";
import type { MockEvent } from "../dialect.ts";
import { hashOf } from "../ids.ts";
import type { Ids } from "../ids.ts";
import type { Turn } from "../turn.ts";
import { textTokens } from "./usage-metadata.ts";

/** How a session answers. */
export type LiveForm = {
  /** Answers are sound, not text, */
  readonly speaks: boolean;
  /** of which the words are told, too. */
  readonly transcribes: boolean;
};

/** Silence of 10 ms, in samples of 16 bits at 24 kHz, stands for the sound of a piece. */
const silence = Buffer.alloc(480).toString("base64");

/** A turn as the messages of a live session: https://ai.google.dev/api/live */
export function* liveEvents(turn: Turn, form: LiveForm, ids: Ids): Generator<MockEvent> {
  const { reasoning, text, calls, usage } = turn;
  if (reasoning !== "") yield spoken({ text: reasoning, thought: true });
  for (const piece of text.pieces()) yield* said(piece, form);
  if (calls.length > 0) {
    const functionCalls = calls.map(({ name, args }) => ({ id: ids.next("", 8), name, args }));
    yield message({ toolCall: { functionCalls } });
  } else {
    yield message({ serverContent: { generationComplete: true } });
  }
  yield message({ serverContent: { turnComplete: true }, usageMetadata: liveUsage(usage, form) }, "end");
}

/** What a turn is billed as: what is spoken counts as sound. */
export function liveBuckets({ output = 0, ...rest }: UsageBuckets, { speaks }: LiveForm): UsageBuckets {
  return speaks ? { ...rest, output_audio: output } : { ...rest, output };
}

/** A stand-in for a session's id, which is the same for the same setup. */
export function sessionId(setup: string): string {
  return `mock-${hashOf(setup).toString(16)}`;
}

function* said(piece: string, { speaks, transcribes }: LiveForm): Generator<MockEvent> {
  yield spoken(speaks ? { inlineData: { mimeType: "audio/pcm;rate=24000", data: silence } } : { text: piece });
  if (speaks && transcribes) yield message({ serverContent: { outputTranscription: { text: piece } } });
}

function spoken(part: object): MockEvent {
  return message({ serverContent: { modelTurn: { parts: [part] } } }, "content");
}

function message(value: object, kind?: MockEvent["kind"]): MockEvent {
  return { text: JSON.stringify(value), ...(kind === undefined ? {} : { kind }) };
}

/** Live tells `response…` where other answers tell `candidates…`. */
function liveUsage(usage: UsageBuckets, { speaks }: LiveForm): object {
  const { input = 0, input_cached: cached = 0, output = 0, output_reasoning: thoughts = 0 } = usage;
  const prompt = input + cached;
  return {
    promptTokenCount: prompt,
    ...(cached === 0 ? {} : { cachedContentTokenCount: cached }),
    responseTokenCount: output,
    ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
    totalTokenCount: prompt + output + thoughts,
    promptTokensDetails: textTokens(prompt),
    responseTokensDetails: [{ modality: speaks ? "AUDIO" : "TEXT", tokenCount: output }],
  };
}
