import type { MockEvent } from "../dialect.ts";
import type { Ids } from "../ids.ts";
import type { Json } from "../json.ts";
import { fragments, wholeText } from "../text.ts";
import type { Turn } from "../turn.ts";

/** A response in a realtime session: what is answered, and the items that hold it. */
export type RealtimeDraft = {
  readonly id: string;
  readonly turn: Turn;
  readonly items: readonly Json[];
  readonly ids: Ids;
};

const argumentsPiece = 12;

/** Makes a response of a turn: a message, or function calls. */
export function draftRealtime(turn: Turn, ids: Ids): RealtimeDraft {
  const about = (): Json => ({ id: ids.next("item_", 21), object: "realtime.item", status: "completed" });
  const calls = turn.calls.map(({ name, args }) => ({
    ...about(),
    type: "function_call",
    name,
    call_id: ids.next("call_"),
    arguments: JSON.stringify(args),
  }));
  const content = [{ type: "output_text", text: wholeText(turn.text) }];
  const items = calls.length > 0 ? calls : [{ ...about(), type: "message", role: "assistant", content }];
  return { id: ids.next("resp_", 21), turn, items, ids };
}

/** A response's events, from `response.created` to `response.done`. */
export function* realtimeEvents(draft: RealtimeDraft): Generator<MockEvent> {
  const { id, turn, items, ids } = draft;
  const event = (type: string, fields: Json, kind?: MockEvent["kind"]): MockEvent => ({
    text: JSON.stringify({ type, event_id: ids.next("event_", 21), ...fields }),
    kind,
  });

  yield event("response.created", { response: responseOf(draft, { status: "in_progress", output: [], usage: null }) });
  for (const [index, item] of items.entries()) {
    const begun = {
      ...item,
      status: "in_progress",
      ...(item["type"] === "message" ? { content: [] } : { arguments: "" }),
    };
    const place = { response_id: id, item_id: item["id"], output_index: index };
    yield event("response.output_item.added", { response_id: id, output_index: index, item: begun });
    yield event("conversation.item.added", { previous_item_id: null, item: begun });
    yield* item["type"] === "message" ? messageEvents(turn, place, event) : callEvents(item, place, event);
    yield event("response.output_item.done", { response_id: id, output_index: index, item });
    yield event("conversation.item.done", { previous_item_id: null, item });
  }
  yield event(
    "response.done",
    { response: responseOf(draft, { status: "completed", output: items, usage: usageOf(turn) }) },
    "end",
  );
  yield event("rate_limits.updated", {
    rate_limits: [{ name: "tokens", limit: 40_000, remaining: 39_000, reset_seconds: 1.5 }],
  });
}

type MakeEvent = (type: string, fields: Json, kind?: MockEvent["kind"]) => MockEvent;

function* messageEvents({ text }: Turn, place: Json, event: MakeEvent): Generator<MockEvent> {
  const at = { ...place, content_index: 0 };
  const whole = wholeText(text);
  yield event("response.content_part.added", { ...at, part: { type: "text", text: "" } });
  for (const delta of text.pieces()) yield event("response.output_text.delta", { ...at, delta }, "content");
  yield event("response.output_text.done", { ...at, text: whole });
  yield event("response.content_part.done", { ...at, part: { type: "text", text: whole } });
}

function* callEvents(item: Json, place: Json, event: MakeEvent): Generator<MockEvent> {
  const about = { ...place, call_id: item["call_id"] };
  for (const delta of fragments(String(item["arguments"]), argumentsPiece)) {
    yield event("response.function_call_arguments.delta", { ...about, delta }, "content");
  }
  yield event("response.function_call_arguments.done", { ...about, name: item["name"], arguments: item["arguments"] });
}

function responseOf({ id }: RealtimeDraft, made: Json): Json {
  return {
    object: "realtime.response",
    id,
    status_details: null,
    conversation_id: null,
    output_modalities: ["text"],
    metadata: null,
    ...made,
  };
}

function usageOf({ usage }: Turn): Json {
  const cached = usage.input_cached ?? 0;
  const input = (usage.input ?? 0) + cached;
  const output = (usage.output ?? 0) + (usage.output_reasoning ?? 0);
  return {
    total_tokens: input + output,
    input_tokens: input,
    output_tokens: output,
    input_token_details: {
      text_tokens: input,
      audio_tokens: 0,
      image_tokens: 0,
      cached_tokens: cached,
      cached_tokens_details: { text_tokens: cached, audio_tokens: 0, image_tokens: 0 },
    },
    output_token_details: { text_tokens: output, audio_tokens: 0 },
  };
}
