import { createSpeech, createTranscription } from "./audio.ts";
import type { Handler } from "./call.ts";
import { createChatCompletion } from "./chat.ts";
import { createCompletion } from "./completions.ts";
import { createEmbeddings } from "./embeddings.ts";
import { createFiles } from "./files.ts";
import { createImages, editImages } from "./images.ts";
import { getModel, listModels } from "./models.ts";
import { createModeration } from "./moderations.ts";
import { connectRealtime } from "./realtime.ts";
import { createResponses } from "./responses.ts";

/** What is answered: the method and the path behind the version; `*` is an id. Files and responses are remembered by each table on its own. */
export function createRoutes(): ReadonlyMap<string, Handler> {
  const responses = createResponses();
  const files = createFiles();
  return new Map<string, Handler>([
    ["POST /chat/completions", createChatCompletion],
    ["POST /completions", createCompletion],
    ["POST /responses", responses.create],
    ["GET /responses", responses.connect],
    ["GET /responses/*", responses.get],
    ["DELETE /responses/*", responses.remove],
    ["POST /responses/*/cancel", responses.get],
    ["POST /responses/compact", responses.compact],
    ["POST /responses/input_tokens", responses.count],
    ["GET /realtime", connectRealtime],
    ["POST /embeddings", createEmbeddings],
    ["POST /moderations", createModeration],
    ["POST /images/generations", createImages],
    ["POST /images/edits", editImages],
    ["POST /images/variations", editImages],
    ["POST /audio/speech", createSpeech],
    ["POST /audio/transcriptions", createTranscription],
    ["POST /audio/translations", createTranscription],
    ["GET /models", listModels],
    ["GET /models/*", getModel],
    ["POST /files", files.upload],
    ["GET /files", files.list],
    ["GET /files/*", files.get],
    ["GET /files/*/content", files.content],
    ["DELETE /files/*", files.remove],
  ]);
}
