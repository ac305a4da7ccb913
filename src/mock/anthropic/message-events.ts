import type { EventBody, MockEvent } from "../dialect.ts";
import { fixedText, fragments } from "../text.ts";
import type { Turn } from "../turn.ts";
import { errorBody } from "./anthropic-head.ts";
import { signatureOf, stopReasons } from "./message-body.ts";
import type { MessageFacts } from "./message-body.ts";
import { finalUsage, messageUsage } from "./message-usage.ts";

/** The largest padding: Anthropic hides how long a piece is behind spaces before the last brace. */
const mostPadding = 16;
/** Pieces of arguments are cut without regard to words. */
const argumentPiece = 12;

/** A turn as the stream of a message: https://platform.claude.com/docs/en/build-with-claude/streaming */
export function messageStream(turn: Turn, facts: MessageFacts, requestId: string): EventBody {
  return { events: messageEvents(turn, facts), error: sse("error", errorBody(529, "Overloaded", requestId)) };
}

/** One event as it stands on the wire, its JSON padded with so many spaces. */
export function sse(name: string, data: object, padding = 0): string {
  const json = JSON.stringify(data);
  return `event: ${name}\ndata: ${json.slice(0, -1)}${" ".repeat(padding)}}\n\n`;
}

type EventData = { readonly type: string; readonly [member: string]: unknown };

function* messageEvents(turn: Turn, facts: MessageFacts): Generator<MockEvent> {
  let count = 0;
  const event = (data: EventData, kind?: MockEvent["kind"]): MockEvent => {
    count += 1;
    return { text: sse(data.type, data, (count * 7) % mostPadding), ...(kind === undefined ? {} : { kind }) };
  };

  yield event({ type: "message_start", message: startOf(turn, facts) });
  let index = 0;
  for (const { start, deltas } of blocksOf(turn, facts)) {
    yield event({ type: "content_block_start", index, content_block: start });
    if (index === 0) yield { text: 'event: ping\ndata: {"type": "ping"}\n\n' };
    for (const delta of deltas()) yield event({ type: "content_block_delta", index, delta }, "content");
    yield event({ type: "content_block_stop", index });
    index += 1;
  }
  yield event({
    type: "message_delta",
    delta: { stop_reason: stopReasons[turn.finish], stop_sequence: null },
    usage: finalUsage(turn.usage),
  });
  yield event({ type: "message_stop" }, "end");
}

function startOf({ usage }: Turn, { id, model }: MessageFacts): object {
  return {
    model,
    id,
    type: "message",
    role: "assistant",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: messageUsage(usage, { output: 1 }),
  };
}

type Block = { readonly start: object; readonly deltas: () => Iterable<object> };

function* blocksOf({ reasoning, text, calls }: Turn, { ids }: MessageFacts): Generator<Block> {
  if (reasoning !== "") {
    yield { start: { type: "thinking", thinking: "", signature: "" }, deltas: () => thinkingDeltas(reasoning) };
  }
  if (text.length > 0) yield { start: { type: "text", text: "" }, deltas: () => textDeltas(text.pieces()) };
  for (const { name, args } of calls) {
    yield {
      start: { type: "tool_use", id: ids.next("toolu_01", 22), name, input: {} },
      deltas: () => argumentDeltas(JSON.stringify(args)),
    };
  }
}

function* thinkingDeltas(reasoning: string): Generator<object> {
  for (const piece of fixedText(reasoning).pieces()) yield { type: "thinking_delta", thinking: piece };
  yield { type: "signature_delta", signature: signatureOf(reasoning) };
}

function* textDeltas(pieces: Iterable<string>): Generator<object> {
  for (const piece of pieces) yield { type: "text_delta", text: piece };
}

function* argumentDeltas(json: string): Generator<object> {
  yield { type: "input_json_delta", partial_json: "" };
  for (const piece of fragments(json, argumentPiece)) yield { type: "input_json_delta", partial_json: piece };
}
