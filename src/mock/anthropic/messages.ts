import type { Answer } from "../dialect.ts";
import { textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { composeTurn } from "../turn.ts";
import type { AnthropicCall } from "./anthropic-call.ts";
import { failure, faultAnswer, headersOf, jsonAnswer } from "./anthropic-head.ts";
import { inputTokens } from "./cache-usage.ts";
import { messageBody } from "./message-body.ts";
import { messageStream } from "./message-events.ts";
import { faultOf, messagesFault, readMessageRequest } from "./read-message-request.ts";

/** `POST /v1/messages` */
export function answerMessage({ request, context, head }: AnthropicCall): Answer {
  const body = request.json();
  if (body === undefined) return failure(400, "The request body is not valid JSON.", head);
  const fault = faultOf(body);
  if (fault !== undefined) return failure(400, fault, head);

  const directives = context.read(textOf(body["model"]) ?? "");
  const { model, wishes, status, html } = directives;
  const served = { requestId: head.requestId, path: request.path, model };
  if (status !== undefined) return { ...faultAnswer(status, html, head), directives, served };

  const turn = composeTurn(readMessageRequest(body, model, wishes), wishes);
  const facts = { id: context.ids.next("msg_01", 22), model, ids: context.ids };
  const streamed = body["stream"] === true;
  const answer: Answer = streamed
    ? {
        status: 200,
        headers: headersOf("text/event-stream; charset=utf-8", head),
        body: messageStream(turn, facts, head.requestId),
      }
    : jsonAnswer(messageBody(turn, facts), head);
  return { ...answer, directives, served: { ...served, usage: turn.usage } };
}

/** `POST /v1/messages/count_tokens` */
export function answerCount({ request, context, head }: AnthropicCall): Answer {
  const body: Json = request.json() ?? {};
  const model = textOf(body["model"]);
  const fault = model === undefined ? "model: Field required" : messagesFault(body);
  if (fault !== undefined) return failure(400, fault, head);
  const directives = context.read(model ?? "");
  const { status, html } = directives;
  if (status !== undefined) return { ...faultAnswer(status, html, head), directives };
  return { ...jsonAnswer({ input_tokens: inputTokens(body) }, head), directives };
}
