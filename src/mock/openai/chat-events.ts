import type { MockEvent } from "../dialect.ts";
import type { Ids } from "../ids.ts";
import { fragments } from "../text.ts";
import type { Turn } from "../turn.ts";
import { finishReason } from "./finish-reason.ts";
import { sseData } from "./sse.ts";

/** What is streamed. */
export type ChatStream = {
  readonly head: { readonly id: string; readonly created: number; readonly model: string };
  /** One for each choice. */
  readonly turns: readonly Turn[];
  /** Told where it was asked for: `null` on every chunk, and the counts on one without choices at the end. */
  readonly usage: object | undefined;
  readonly ids: Ids;
  /** DeepSeek's way, which OpenAI itself hasn't. */
  readonly showsReasoning: boolean;
};

const argumentsPiece = 12;

/** The chunks of a chat completion, choices in turn, with `[DONE]` at the end. */
export function* chatEvents(stream: ChatStream): Generator<MockEvent> {
  const { head, turns, usage } = stream;
  const { id, created, model } = head;
  const about = {
    id,
    object: "chat.completion.chunk",
    created,
    model,
    service_tier: "default",
    system_fingerprint: "fp_mock000001",
  };
  const start = `${JSON.stringify(about).slice(0, -1)},"choices":[`;
  const end = usage === undefined ? "]}" : `],"usage":null}`;
  const chunk = (choice: string): string => sseData(start + choice + end);

  for (const { text, kind } of interleave(turns.map((turn, index) => choiceEvents(turn, index, stream)))) {
    yield { text: chunk(text), kind };
  }
  if (usage !== undefined) yield { text: sseData(`${start}],"usage":${JSON.stringify(usage)}}`) };
  yield { text: sseData("[DONE]"), kind: "end" };
}

/** One choice's part of each of its chunks. */
function* choiceEvents(turn: Turn, index: number, { ids, showsReasoning }: ChatStream): Generator<MockEvent> {
  const choice = (delta: string, finish = "null"): string =>
    `{"index":${index},"delta":${delta},"logprobs":null,"finish_reason":${finish}}`;
  const toolCall = (fields: object): string => choice(JSON.stringify({ tool_calls: [fields] }));

  const content = turn.calls.length > 0 ? "null" : `""`;
  yield { text: choice(`{"role":"assistant","content":${content},"refusal":null}`) };
  if (showsReasoning) yield { text: choice(JSON.stringify({ reasoning_content: turn.reasoning })), kind: "content" };
  for (const piece of turn.text.pieces())
    yield { text: choice(`{"content":${JSON.stringify(piece)}}`), kind: "content" };
  for (const [at, { name, args }] of turn.calls.entries()) {
    yield { text: toolCall({ index: at, id: ids.next("call_"), type: "function", function: { name, arguments: "" } }) };
    for (const piece of fragments(JSON.stringify(args), argumentsPiece)) {
      yield { text: toolCall({ index: at, function: { arguments: piece } }), kind: "content" };
    }
  }
  yield { text: choice("{}", `"${finishReason(turn)}"`) };
}

/** One of each in turn, until all are at their end. */
function* interleave<T>(sources: readonly Generator<T>[]): Generator<T> {
  for (let going = [...sources]; going.length > 0;) {
    const still: Generator<T>[] = [];
    for (const source of going) {
      const next = source.next();
      if (next.done === true) continue;
      yield next.value;
      still.push(source);
    }
    going = still;
  }
}
