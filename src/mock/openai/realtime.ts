import { asksForWebSocket } from "../websocket.ts";
import type { Peer, Session } from "../websocket.ts";
import { listOf, objectOf, parseJson } from "../json.ts";
import type { Json } from "../json.ts";
import { createSerial } from "../serial.ts";
import { sendEvents } from "../socket-events.ts";
import { composeTurn } from "../turn.ts";
import { refuse, refuseByName, socketAnswer } from "./call.ts";
import type { Handler, ModelCall } from "./call.ts";
import { errorOf, serverFault } from "./fault.ts";
import { draftRealtime, realtimeEvents } from "./realtime-events.ts";
import { readResponsePrompt } from "./response-prompt.ts";

const defaultModel = "gpt-realtime";
const mostItems = 200;

/** `GET /realtime`: a session of text, over a WebSocket. */
export const connectRealtime: Handler = (call) => {
  if (!asksForWebSocket(call.request))
    return refuse(call, { status: 400, message: "This is a WebSocket: the request has to ask for one." });
  const directives = call.context.read(call.request.query.get("model") ?? defaultModel);
  return refuseByName(call, directives) ?? socketAnswer(call, createSession({ ...call, body: {}, directives }));
};

function createSession(call: ModelCall): Session {
  return (peer) => {
    const serially = createSerial(() => peer.close(1011, "internal error"));
    const say = (message: Json): void =>
      void peer.send(JSON.stringify({ event_id: call.context.ids.next("event_", 21), ...message }));
    const session = createState(call, peer, say);
    say({ type: "session.created", session: session.about() });
    return {
      message(text) {
        if (!serially(() => session.take(objectOf(parseJson(text))))) peer.close(1008, "too many requests at once");
      },
    };
  };
}

/** A session's settings and the newest part of its conversation. */
function createState(call: ModelCall, peer: Peer, say: (message: Json) => void) {
  const { context, directives } = call;
  const id = context.ids.next("sess_", 21);
  let settings: Json = {};
  let items: readonly Json[] = [];
  const about = (): Json => ({
    output_modalities: ["text"],
    ...settings,
    id,
    object: "realtime.session",
    type: "realtime",
    model: directives.model,
  });

  return { about, take };

  async function take(message: Json): Promise<void> {
    switch (message["type"]) {
      case "session.update":
        settings = { ...settings, ...objectOf(message["session"]) };
        return say({ type: "session.updated", session: about() });
      case "conversation.item.create":
        return add({
          id: context.ids.next("item_", 21),
          object: "realtime.item",
          status: "completed",
          ...objectOf(message["item"]),
        });
      case "input_audio_buffer.append":
        return;
      case "input_audio_buffer.commit":
        return say({
          type: "input_audio_buffer.committed",
          item_id: context.ids.next("item_", 21),
          previous_item_id: null,
        });
      case "response.create":
        return await respond(objectOf(message["response"]));
      default:
        return say({
          type: "error",
          error: errorOf({ status: 400, message: "There is no message of this type.", param: "type" }),
        });
    }
  }

  function add(item: Json): void {
    items = [...items, item].slice(-mostItems);
    say({ type: "conversation.item.added", previous_item_id: null, item });
    say({ type: "conversation.item.done", previous_item_id: null, item });
  }

  async function respond(asked: Json): Promise<void> {
    const input = "input" in asked ? listOf(asked["input"]) : items;
    const prompt = readResponsePrompt({ ...settings, ...asked, input }, { model: directives.model, before: 0 });
    const draft = draftRealtime(composeTurn(prompt, directives.wishes), context.ids);
    const error = JSON.stringify({ type: "error", error: errorOf(serverFault()) });
    const ended = await sendEvents(
      peer,
      { events: realtimeEvents(draft), error },
      { directives, latency: context.latency },
    );
    items = [...items, ...draft.items].slice(-mostItems);
    context.note(
      { requestId: draft.id, path: call.request.path, model: directives.model, usage: draft.turn.usage },
      ended,
    );
  }
}
