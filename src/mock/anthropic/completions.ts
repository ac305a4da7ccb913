import type { Answer, MockEvent } from "../dialect.ts";
import { countOf, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { promptTokens } from "../prompt-tokens.ts";
import { wholeText } from "../text.ts";
import { composeTurn } from "../turn.ts";
import type { Turn } from "../turn.ts";
import type { AnthropicCall } from "./anthropic-call.ts";
import { errorBody, failure, faultAnswer, headersOf, jsonAnswer } from "./anthropic-head.ts";
import { sse } from "./message-events.ts";

const turnStart = "\n\nHuman:";

/** `POST /v1/complete`, which tells no usage: https://platform.claude.com/docs/en/api/completions */
export function answerCompletion({ request, context, head }: AnthropicCall): Answer {
  const body: Json = request.json() ?? {};
  const [prompt, name] = [textOf(body["prompt"]), textOf(body["model"])];
  if (name === undefined) return failure(400, "model: Field required", head);
  if (prompt === undefined) return failure(400, "prompt: Field required", head);

  const directives = context.read(name);
  const { model, wishes, status, html } = directives;
  const served = { requestId: head.requestId, path: request.path, model };
  if (status !== undefined) return { ...faultAnswer(status, html, head), directives, served };

  const question = prompt.slice(prompt.lastIndexOf(turnStart) + turnStart.length).replace(/\n\nAssistant:.*$/s, "");
  const maxTokens = countOf(body["max_tokens_to_sample"]);
  const turn = composeTurn(
    {
      model,
      inputTokens: promptTokens(prompt),
      question,
      asked: true,
      tools: [],
      toolChoice: "none",
      thinks: false,
      maxTokens,
    },
    wishes,
  );
  const id = context.ids.next("compl_01", 22);
  const frame = { type: "completion", id, model, log_id: id };
  const answer: Answer =
    body["stream"] === true
      ? {
          status: 200,
          headers: headersOf("text/event-stream; charset=utf-8", head),
          body: {
            events: completionEvents(turn, frame),
            error: sse("error", errorBody(529, "Overloaded", head.requestId)),
          },
        }
      : jsonAnswer({ ...frame, completion: ` ${wholeText(turn.text)}`, ...endOf(turn) }, head);
  return { ...answer, directives, served };
}

function* completionEvents(turn: Turn, frame: object): Generator<MockEvent> {
  for (const piece of turn.text.pieces()) {
    yield {
      text: sse("completion", { ...frame, completion: piece, stop_reason: null, stop: null }),
      kind: "content",
    };
  }
  yield { text: sse("completion", { ...frame, completion: "", ...endOf(turn) }), kind: "end" };
}

function endOf({ finish }: Turn): object {
  return finish === "length"
    ? { stop_reason: "max_tokens", stop: null }
    : { stop_reason: "stop_sequence", stop: turnStart };
}
