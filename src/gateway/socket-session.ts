import { object, text } from "../dialects/json.ts";
import { parseJson } from "../lib/parse-json.ts";

/** The models that work in a session. */
export type SessionModels = {
  /** It answers. */
  readonly model?: string | undefined;
  /** It writes down what the consumer says, and is billed by itself. */
  readonly transcriber?: string | undefined;
};

/** A session tells its settings in some kilobytes; what is larger isn't worth the time of the request thread. Bytes. */
const largestSession = 1_048_576;

/** Reads an event about a session, in its present form or its beta's (https://platform.openai.com/docs/api-reference/realtime-server-events/session/created); `undefined` where nothing can be read. */
export function readSessionModels(frame: Buffer): SessionModels | undefined {
  if (frame.length > largestSession) return undefined;
  const session = object(object(parseJson(frame.toString()))?.session);
  if (!session) return undefined;
  const heard =
    object(object(object(session.audio)?.input)?.transcription) ?? object(session.input_audio_transcription);
  return { model: text(session.model), transcriber: text(heard?.model) };
}
