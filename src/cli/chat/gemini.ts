import { z } from "zod";
import type { ChatDialect } from "./dialect.ts";

const chunk = z.object({
  candidates: z
    .array(
      z.object({
        content: z
          .object({
            parts: z.array(z.object({ text: z.string().optional(), thought: z.boolean().optional() })).optional(),
          })
          .optional(),
        finishReason: z.string().optional(),
      }),
    )
    .optional(),
  promptFeedback: z.object({ blockReason: z.string().optional() }).optional(),
  error: z.object({ message: z.string() }).optional(),
});

/** Gemini's generateContent. */
export const geminiChat: ChatDialect = {
  path: ({ model }) => `/v1beta/models/${encodeURIComponent(model)}:streamGenerateContent?alt=sse`,
  headers: (token): Record<string, string> => (token === undefined ? {} : { "x-goog-api-key": token }),
  body: ({ turns, system, maxTokens, temperature }) => ({
    contents: turns.map(({ role, text }) => ({ role: role === "user" ? "user" : "model", parts: [{ text }] })),
    ...(system === undefined ? {} : { systemInstruction: { parts: [{ text: system }] } }),
    generationConfig: {
      ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
    },
  }),
  read(data) {
    const { candidates: [candidate] = [], promptFeedback, error } = chunk.safeParse(data).data ?? {};
    const parts = candidate?.content?.parts ?? [];
    const finish = candidate?.finishReason ?? promptFeedback?.blockReason;
    return {
      text: parts.map(({ text = "", thought }) => (thought ? "" : text)).join(""),
      ...(finish === undefined ? {} : { finish }),
      ...(error ? { fault: error.message } : {}),
    };
  },
};
