import type { Answer, MockContext } from "../dialect.ts";
import type { Directives } from "../directives.ts";
import { isObject, listOf, objectOf, parseJson, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { createSerial } from "../serial.ts";
import { sendEvents } from "../socket-events.ts";
import { composeTurn } from "../turn.ts";
import type { Turn } from "../turn.ts";
import { wholeText } from "../text.ts";
import { acceptWebSocket } from "../websocket.ts";
import type { Peer } from "../websocket.ts";
import type { GeminiCall } from "./gemini-call.ts";
import { errorBody, failure, faultMessage } from "./gemini-head.ts";
import { liveBuckets, liveEvents, sessionId } from "./live-events.ts";
import type { LiveForm } from "./live-events.ts";
import { member, memberObject, withoutFolder } from "./member.ts";
import { readGenerateRequest, wantsThoughts } from "./read-generate-request.ts";

/** A conversation forgets its beginning where it grows beyond this many contents. */
const mostContents = 200;
/** An answer of more characters isn't kept for it. */
const mostRemembered = 65_536;

/** Turns a request into a live session (`BidiGenerateContent`), whose messages are binary, as Google's are. */
export function answerLive({ request, context }: GeminiCall): Answer {
  if (!/\.GenerativeService\.BidiGenerateContent(?:Constrained)?$/.test(request.path))
    return failure(404, faultMessage(404));
  const { status, headers, upgrade } = acceptWebSocket(request, (peer) => {
    const session = createSession({ peer, context, path: request.path });
    const serially = createSerial();
    return {
      message(text) {
        const value = parseJson(text);
        if (!isObject(value)) return peer.close(1007, "Request payload is not valid JSON.");
        if (!serially(() => session(value))) peer.close(1008, "Too many messages at once.");
      },
    };
  });
  return { status, headers, body: "", upgrade };
}

type Parts = { readonly peer: Peer; readonly context: MockContext; readonly path: string };
type Session = (message: Json) => Promise<void>;

/** Set up by its first message; every other one is said to the model. */
function createSession({ peer, context, path }: Parts): Session {
  let setup: Json | undefined;
  let contents: readonly unknown[] = [];

  return async (message) => {
    if (setup === undefined) return begin(memberObject(message, "setup"));
    const heard = listen(message);
    contents = [...contents, ...heard.contents].slice(-mostContents);
    if (heard.complete && contents.length > 0) await answer(setup);
  };

  async function begin(asked: Json): Promise<void> {
    const model = textOf(asked["model"]);
    if (model === undefined) return peer.close(1007, "setup.model is required and has to come first.");
    setup = asked;
    await peer.sendBinary(JSON.stringify({ setupComplete: { sessionId: sessionId(JSON.stringify(asked)) } }));
  }

  async function answer(given: Json): Promise<void> {
    const directives = context.read(withoutFolder(textOf(given["model"]) ?? ""));
    const { model, status } = directives;
    const served = { requestId: context.ids.next("", 23), path, model };
    if (status !== undefined) {
      peer.close(status < 500 ? 1008 : 1011, faultMessage(status));
      return context.note(served, "cut");
    }
    const turn = turnOf(given, directives);
    const form = formOf(given);
    const body = {
      events: liveEvents(turn, form, context.ids),
      error: JSON.stringify(errorBody(503, faultMessage(503))),
    };
    const ended = await sendEvents(peer, body, { directives, latency: context.latency, binary: true });
    if (turn.text.length <= mostRemembered)
      contents = [...contents, { role: "model", parts: [{ text: wholeText(turn.text) }] }];
    context.note({ ...served, usage: liveBuckets(turn.usage, form) }, ended);
  }

  function turnOf(given: Json, { model, wishes }: Directives): Turn {
    const request = { ...given, contents };
    const prompt = readGenerateRequest(request, model);
    return composeTurn({ ...prompt, thinks: wantsThoughts(request) }, wishes);
  }
}

/** What a message adds to the conversation, and whether it is the model's turn then. */
function listen(message: Json): { readonly contents: readonly unknown[]; readonly complete: boolean } {
  const said = member(message, "clientContent");
  if (isObject(said)) return { contents: listOf(said["turns"]), complete: member(said, "turnComplete") === true };
  const responses = listOf(member(memberObject(message, "toolResponse"), "functionResponses"));
  if (responses.length > 0) {
    return {
      contents: [{ role: "user", parts: responses.map((functionResponse) => ({ functionResponse })) }],
      complete: true,
    };
  }
  const input = memberObject(message, "realtimeInput");
  const text = textOf(input["text"]);
  if (text !== undefined) return { contents: [{ role: "user", parts: [{ text }] }], complete: true };
  const ends = member(input, "audioStreamEnd") === true || member(input, "activityEnd") !== undefined;
  return { contents: ends ? [{ role: "user", parts: [{ text: "What was spoken." }] }] : [], complete: ends };
}

/** Sound is what a session answers with where it isn't told otherwise. */
function formOf(setup: Json): LiveForm {
  const modalities = listOf(member(memberObject(objectOf(setup), "generationConfig"), "responseModalities"));
  return {
    speaks: !modalities.includes("TEXT"),
    transcribes: member(setup, "outputAudioTranscription") !== undefined,
  };
}
