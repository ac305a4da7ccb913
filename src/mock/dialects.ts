import { createAnthropicDialect } from "./anthropic/anthropic-dialect.ts";
import type { CreateDialect } from "./dialect.ts";
import { createGeminiDialect } from "./gemini/gemini-dialect.ts";
import { createOpenaiDialect } from "./openai/openai-dialect.ts";

/** Every vendor's API; the first that knows a request answers it. OpenAI's is last, since it answers whatever is left. */
export const dialects: readonly CreateDialect[] = [createAnthropicDialect, createGeminiDialect, createOpenaiDialect];
