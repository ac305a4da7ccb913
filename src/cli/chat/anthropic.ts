import { z } from "zod";
import type { ChatDialect } from "./dialect.ts";

const event = z.object({
  type: z.string(),
  delta: z.object({ text: z.string().nullish(), stop_reason: z.string().nullish() }).nullish(),
  error: z.object({ message: z.string() }).nullish(),
});

/** The API wants a bound; this is as much as each of its models can give. */
const usualMaxTokens = 4096;

/** Anthropic's messages. */
export const anthropicChat: ChatDialect = {
  path: () => "/v1/messages",
  headers: (token): Record<string, string> => ({
    "anthropic-version": "2023-06-01",
    ...(token === undefined ? {} : { "x-api-key": token }),
  }),
  body: ({ model, turns, system, maxTokens = usualMaxTokens, temperature }) => ({
    model,
    stream: true,
    max_tokens: maxTokens,
    messages: turns.map(({ role, text }) => ({ role, content: text })),
    ...(system === undefined ? {} : { system }),
    ...(temperature === undefined ? {} : { temperature }),
  }),
  read(data) {
    const { type, delta, error } = event.safeParse(data).data ?? {};
    return {
      text: delta?.text ?? "",
      ...(delta?.stop_reason ? { finish: delta.stop_reason } : {}),
      ...(type === "error" ? { fault: error?.message ?? "an error without words" } : {}),
    };
  },
};
