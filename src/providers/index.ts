export { anthropic } from "./anthropic.ts";
export { gemini } from "./gemini.ts";
export { openai } from "./openai.ts";
