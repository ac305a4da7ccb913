import type { MockEvent } from "../dialect.ts";
import type { Directives } from "../directives.ts";
import { objectOf, parseJson, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { createSerial } from "../serial.ts";
import type { Shelf } from "../shelf.ts";
import { sendEvents } from "../socket-events.ts";
import type { Peer, Session } from "../websocket.ts";
import type { OpenaiCall } from "./call.ts";
import { draftResponse, findFault, keepResponse } from "./draft-response.ts";
import type { Stored } from "./draft-response.ts";
import { errorOf, faultByStatus, missing, serverFault } from "./fault.ts";
import type { Fault } from "./fault.ts";
import { numberEvents, prewarmEvents, responseEvents } from "./response-events.ts";
import type { ResponseEvent } from "./response-events.ts";
import type { Draft } from "./response-object.ts";

/** Responses over a WebSocket: each `response.create` is answered in turn, by the events that a stream would have. */
export function createResponseSession(call: OpenaiCall, stored: Shelf<Stored>): Session {
  return (peer) => {
    const serially = createSerial(() => peer.close(1011, "internal error"));
    return {
      message(text) {
        const message = objectOf(parseJson(text));
        if (!serially(() => answerMessage(message, { call, stored, peer })))
          peer.close(1008, "too many requests at once");
      },
    };
  };
}

type Parts = { readonly call: OpenaiCall; readonly stored: Shelf<Stored>; readonly peer: Peer };

async function answerMessage(message: Json, { call, stored, peer }: Parts): Promise<void> {
  const { context } = call;
  const { type, generate: generates, ...body } = message;
  const model = textOf(body["model"]);
  const directives = context.read(model ?? "");
  const fault = type === "response.create" ? findRefusal(body, { model, directives, stored }) : unknownMessage(type);
  if (fault !== undefined) return void (await peer.send(errorMessage(fault)));

  const draft = draftResponse(body, { directives, context, stored });
  const error = errorMessage(serverFault());
  const events = generates === false ? prewarm(draft, stored) : generate(draft, stored);
  const ended = await sendEvents(peer, { events, error }, { directives, latency: context.latency });
  const usage = generates === false ? undefined : draft.turn.usage;
  context.note({ requestId: draft.id, path: call.request.path, model: directives.model, usage }, ended);
}

function findRefusal(
  body: Json,
  {
    model,
    directives,
    stored,
  }: { readonly model: string | undefined; readonly directives: Directives; readonly stored: Shelf<Stored> },
): Fault | undefined {
  if (model === undefined) return missing("model");
  return directives.status === undefined ? findFault(body, stored) : faultByStatus(directives.status, directives.model);
}

function unknownMessage(type: unknown): Fault {
  return {
    status: 400,
    message: `There is no message of the type ${JSON.stringify(type) ?? "undefined"}.`,
    param: "type",
  };
}

function generate(draft: Draft, stored: Shelf<Stored>): Generator<MockEvent> {
  return numberEvents(responseEvents(draft), { write, ended: () => keepResponse(draft, stored) });
}

function prewarm(draft: Draft, stored: Shelf<Stored>): Generator<MockEvent> {
  const ended = ({ response }: ResponseEvent): void =>
    stored.put(draft.id, { response: objectOf(response), totalTokens: 0 });
  return numberEvents(prewarmEvents(draft), { write, ended });
}

/** A message is its own frame. */
function write(_type: string, json: string): string {
  return json;
}

function errorMessage(fault: Fault): string {
  return JSON.stringify({ type: "error", status: fault.status, error: errorOf(fault) });
}
