import { z } from "zod";
import type { ChatDialect } from "./dialect.ts";

const chunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .optional(),
  error: z.object({ message: z.string() }).nullish(),
});

/** Creates OpenAI's chat; OpenAI itself refuses the name by which others know the bound on an answer. */
export function createOpenaiChat(provider: string): ChatDialect {
  const bound = provider === "openai" ? "max_completion_tokens" : "max_tokens";
  return {
    path: () => "/v1/chat/completions",
    headers: (token): Record<string, string> => (token === undefined ? {} : { authorization: `Bearer ${token}` }),
    body: ({ model, turns, system, maxTokens, temperature }) => ({
      model,
      stream: true,
      messages: [
        ...(system === undefined ? [] : [{ role: "system", content: system }]),
        ...turns.map(({ role, text }) => ({ role, content: text })),
      ],
      ...(maxTokens === undefined ? {} : { [bound]: maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
    }),
    read(data) {
      const { choices: [choice] = [], error } = chunk.safeParse(data).data ?? {};
      return {
        text: choice?.delta?.content ?? choice?.delta?.refusal ?? "",
        ...(choice?.finish_reason ? { finish: choice.finish_reason } : {}),
        ...(error ? { fault: error.message } : {}),
      };
    },
  };
}
