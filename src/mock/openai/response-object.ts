import type { Ids } from "../ids.ts";
import { textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { wholeText } from "../text.ts";
import type { Turn } from "../turn.ts";
import { responseUsage } from "./usage.ts";

/** A response that is being made: what was asked, and what is answered. */
export type Draft = {
  readonly id: string;
  readonly createdAt: number;
  readonly model: string;
  readonly body: Json;
  readonly turn: Turn;
  readonly items: readonly Item[];
};

/** One thing that a response puts out, with nothing of its text yet. */
export type Item =
  | { readonly kind: "reasoning"; readonly id: string; readonly text: string }
  | {
      readonly kind: "message";
      readonly id: string;
      readonly text: () => string;
      readonly pieces: () => Iterable<string>;
    }
  | {
      readonly kind: "call";
      readonly id: string;
      readonly callId: string;
      readonly name: string;
      readonly args: string;
    };

/** The items of a turn, in the order in which they come. */
export function itemsOf({ text, reasoning, calls }: Turn, ids: Ids): readonly Item[] {
  const items: Item[] = [];
  if (reasoning !== "") items.push({ kind: "reasoning", id: ids.next("rs_", 48), text: reasoning });
  for (const { name, args } of calls) {
    items.push({ kind: "call", id: ids.next("fc_", 48), callId: ids.next("call_"), name, args: JSON.stringify(args) });
  }
  if (calls.length === 0) {
    items.push({ kind: "message", id: ids.next("msg_", 48), text: () => wholeText(text), pieces: text.pieces });
  }
  return items;
}

/** A response before anything of it is there. */
export function startedResponse(draft: Draft, status: "in_progress" | "completed" = "in_progress"): Json {
  return responseOf(draft, { status, output: [], usage: null });
}

/** A response with all that it puts out. */
export function finishedResponse(draft: Draft): Json {
  const short = draft.turn.finish === "length";
  return responseOf(draft, {
    status: short ? "incomplete" : "completed",
    incomplete_details: short ? { reason: "max_output_tokens" } : null,
    output: draft.items.map((item) => itemObject(item, short ? "incomplete" : "completed")),
    usage: responseUsage(draft.turn.usage),
  });
}

/** An item whole, or as it is announced. */
export function itemObject(item: Item, status: "in_progress" | "completed" | "incomplete"): Json {
  const begun = status === "in_progress";
  switch (item.kind) {
    case "reasoning":
      return { id: item.id, type: "reasoning", summary: begun ? [] : [{ type: "summary_text", text: item.text }] };
    case "message":
      return { id: item.id, type: "message", status, content: begun ? [] : [textPart(item.text())], role: "assistant" };
    case "call":
      return {
        id: item.id,
        type: "function_call",
        status,
        arguments: begun ? "" : item.args,
        call_id: item.callId,
        name: item.name,
      };
  }
}

/** The content of a message. */
export function textPart(text: string): Json {
  return { type: "output_text", annotations: [], logprobs: [], text };
}

function responseOf({ id, createdAt, model, body }: Draft, made: Json): Json {
  return {
    id,
    object: "response",
    created_at: createdAt,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body["instructions"] ?? null,
    max_output_tokens: body["max_output_tokens"] ?? null,
    model,
    parallel_tool_calls: body["parallel_tool_calls"] ?? true,
    previous_response_id: textOf(body["previous_response_id"]) ?? null,
    reasoning: body["reasoning"] ?? { effort: null, summary: null },
    service_tier: "default",
    store: body["store"] ?? true,
    temperature: body["temperature"] ?? 1,
    text: body["text"] ?? { format: { type: "text" }, verbosity: "medium" },
    tool_choice: body["tool_choice"] ?? "auto",
    tools: body["tools"] ?? [],
    top_logprobs: 0,
    top_p: body["top_p"] ?? 1,
    truncation: "disabled",
    user: null,
    metadata: body["metadata"] ?? {},
    ...made,
  };
}
