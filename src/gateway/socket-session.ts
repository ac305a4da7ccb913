import { object, parseJson, text } from "../dialects/json.ts";

/** A session tells its settings in some kilobytes; what is larger isn't worth the time of the request thread. Bytes. */
const largestSession = 1_048_576;

/** The model that answers in a session, as an event about the session tells it (https://platform.openai.com/docs/api-reference/realtime-server-events/session/created). */
export function readSessionModel(frame: Buffer): string | undefined {
  if (frame.length > largestSession) return undefined;
  return text(object(object(parseJson(frame.toString()))?.session)?.model);
}
