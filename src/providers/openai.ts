import { openaiChat } from "../dialects/openai-chat.ts";
import { openaiEmbeddings } from "../dialects/openai-embeddings.ts";
import { openaiMedia } from "../dialects/openai-media.ts";
import { openaiOther } from "../dialects/openai-other.ts";
import { openaiResponses } from "../dialects/openai-responses.ts";
import type { ProviderDefinition } from "./provider.ts";

/** OpenAI, and the paths of all who speak its dialects: what counts is a path's end, since their beginnings differ. */
export const openai: ProviderDefinition = {
  name: "openai",
  family: "openai",
  baseUrl: "https://api.openai.com",
  keyIn: "bearer",
  streamUsage: "inject",
  forwardAttribution: false,
  dialects: [
    { path: /\/completions\/?$/, dialect: openaiChat },
    { path: /\/responses(?:\/[^/]+){0,2}\/?$/, dialect: openaiResponses },
    { path: /\/realtime\/?$/, dialect: openaiResponses },
    { path: /\/embeddings\/?$/, dialect: openaiEmbeddings },
    { path: /\/(?:images|audio)\/[^/]+\/?$/, dialect: openaiMedia },
    { path: /\//, dialect: openaiOther },
  ],
};
