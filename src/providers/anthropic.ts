import { anthropicMessages } from "../dialects/anthropic-messages.ts";
import { openaiChat } from "../dialects/openai-chat.ts";
import type { ProviderDefinition } from "./provider.ts";

/** Anthropic, with its endpoint for programs that speak OpenAI's chat. */
export const anthropic: ProviderDefinition = {
  name: "anthropic",
  family: "anthropic",
  baseUrl: "https://api.anthropic.com",
  keyIn: "x-api-key",
  streamUsage: "inject",
  forwardAttribution: false,
  dialects: [
    { path: /\/chat\/completions\/?$/, dialect: openaiChat },
    { path: /\//, dialect: anthropicMessages },
  ],
};
