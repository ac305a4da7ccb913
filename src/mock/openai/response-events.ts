import type { MockEvent } from "../dialect.ts";
import { finishedResponse, itemObject, startedResponse, textPart } from "./response-object.ts";
import type { Draft, Item } from "./response-object.ts";
import { fragments } from "../text.ts";
import type { Json } from "../json.ts";

/** One event of a response's stream, before its number and its form on the wire. */
export type ResponseEvent = Json & { readonly type: string };

const argumentsPiece = 12;

/** A response's events, from `response.created` to the one that ends it. */
export function* responseEvents(draft: Draft): Generator<ResponseEvent> {
  const started = startedResponse(draft);
  yield { type: "response.created", response: started };
  yield { type: "response.in_progress", response: started };
  for (const [index, item] of draft.items.entries()) {
    const place = { item_id: item.id, output_index: index };
    yield { type: "response.output_item.added", output_index: index, item: itemObject(item, "in_progress") };
    yield* contentEvents(item, place);
    yield { type: "response.output_item.done", output_index: index, item: itemObject(item, "completed") };
  }
  const response = finishedResponse(draft);
  yield { type: `response.${String(response["status"])}`, response };
}

/** A response of which nothing is generated, so that the next finds its prompt read. */
export function* prewarmEvents(draft: Draft): Generator<ResponseEvent> {
  yield { type: "response.created", response: startedResponse(draft) };
  yield { type: "response.completed", response: startedResponse(draft, "completed") };
}

/** Events with their numbers, in the form in which `write` puts them on the wire; `ended` is called with the last, before it goes out. */
export function* numberEvents(
  events: Iterable<ResponseEvent>,
  {
    write,
    ended,
  }: { readonly write: (type: string, json: string) => string; readonly ended: (last: ResponseEvent) => void },
): Generator<MockEvent> {
  let number = 0;
  for (const event of events) {
    const kind = kindOf(event);
    if (kind === "end") ended(event);
    yield { text: write(event.type, JSON.stringify({ ...event, sequence_number: number })), kind };
    number += 1;
  }
}

function kindOf({ type }: ResponseEvent): MockEvent["kind"] {
  if (type.endsWith(".delta")) return "content";
  return type === "response.completed" || type === "response.incomplete" ? "end" : undefined;
}

type Place = { readonly item_id: string; readonly output_index: number };

function* contentEvents(item: Item, place: Place): Generator<ResponseEvent> {
  switch (item.kind) {
    case "reasoning": {
      const at = { ...place, summary_index: 0 };
      yield { type: "response.reasoning_summary_part.added", ...at, part: { type: "summary_text", text: "" } };
      yield { type: "response.reasoning_summary_text.delta", ...at, delta: item.text };
      yield { type: "response.reasoning_summary_text.done", ...at, text: item.text };
      yield { type: "response.reasoning_summary_part.done", ...at, part: { type: "summary_text", text: item.text } };
      return;
    }
    case "call":
      for (const delta of fragments(item.args, argumentsPiece)) {
        yield { type: "response.function_call_arguments.delta", ...place, delta };
      }
      yield { type: "response.function_call_arguments.done", ...place, arguments: item.args };
      return;
    case "message": {
      const at = { ...place, content_index: 0 };
      yield { type: "response.content_part.added", ...at, part: textPart("") };
      for (const delta of item.pieces()) yield { type: "response.output_text.delta", ...at, delta, logprobs: [] };
      yield { type: "response.output_text.done", ...at, text: item.text(), logprobs: [] };
      yield { type: "response.content_part.done", ...at, part: textPart(item.text()) };
    }
  }
}
