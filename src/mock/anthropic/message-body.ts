import type { Ids } from "../ids.ts";
import { hashOf } from "../ids.ts";
import { wholeText } from "../text.ts";
import type { Turn } from "../turn.ts";
import { messageUsage } from "./message-usage.ts";

/** Why a message ended, in Anthropic's words. */
export const stopReasons = { stop: "end_turn", length: "max_tokens", calls: "tool_use" } as const;

/** What a message is beside its turn. */
export type MessageFacts = { readonly id: string; readonly model: string; readonly ids: Ids; readonly tier?: string };

/** A turn as a whole message. */
export function messageBody(turn: Turn, { id, model, ids, tier }: MessageFacts): object {
  const { reasoning, text, calls, finish, usage } = turn;
  const thinking = { type: "thinking", thinking: reasoning, signature: signatureOf(reasoning) };
  return {
    model,
    id,
    type: "message",
    role: "assistant",
    content: [
      ...(reasoning === "" ? [] : [thinking]),
      ...(text.length === 0 ? [] : [{ type: "text", text: wholeText(text) }]),
      ...calls.map(({ name, args }) => ({ type: "tool_use", id: ids.next("toolu_01", 22), name, input: args })),
    ],
    stop_reason: stopReasons[finish],
    stop_sequence: null,
    usage: messageUsage(usage, { tier }),
  };
}

/** What stands for the encrypted thoughts of a block. */
export function signatureOf(reasoning: string): string {
  return Buffer.from(`mock-signature-${hashOf(reasoning)}`).toString("base64");
}
