import { noise } from "../wire/bytes.ts";
import { anthropic, type Family, gemini, openai } from "../wire/chat.ts";

/** A dialect as consumers and providers use it: where calls go, and the answers that are the same every time. */
export type Dialect = {
  readonly name: string;
  readonly target: (streamed: boolean) => string;
  readonly body: (streamed: boolean, prompt: string) => string;
  /** An answer that comes whole, with so much text. */
  readonly whole: (text: string) => string;
  /** An answer as events, with each of these texts in one of its own. */
  readonly events: (texts: readonly string[]) => readonly string[];
};

const usage = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 };
const chat: Dialect = {
  name: "openai",
  target: () => "/v1/chat/completions",
  body: (stream, content) => {
    const asked = stream ? { stream, stream_options: { include_usage: true } } : {};
    return JSON.stringify({ model: "gpt-4o", ...asked, messages: [{ role: "user", content }] });
  },
  whole: (content) => {
    const choice = { index: 0, message: { role: "assistant", content }, finish_reason: "stop" };
    return JSON.stringify({ id: "c1", model: "gpt-4o", choices: [choice], usage });
  },
  events: (texts) => eventsOf(openai, texts),
};

const messages: Dialect = {
  name: "anthropic",
  target: () => "/v1/messages",
  body: (stream, content) =>
    JSON.stringify({ model: "claude-sonnet-4-5", max_tokens: 9, stream, messages: [{ role: "user", content }] }),
  whole: (text) =>
    JSON.stringify({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "claude-sonnet-4-5",
      content: [{ type: "text", text }],
      stop_reason: "end_turn",
      usage: { input_tokens: 12, output_tokens: 5 },
    }),
  events: (texts) => eventsOf(anthropic, texts),
};

const generate: Dialect = {
  name: "gemini",
  target: (streamed) =>
    `/v1beta/models/gemini-2.5-flash:${streamed ? "streamGenerateContent?alt=sse" : "generateContent"}`,
  body: (_, text) => JSON.stringify({ contents: [{ role: "user", parts: [{ text }] }] }),
  whole: (text) =>
    JSON.stringify({
      candidates: [{ index: 0, content: { role: "model", parts: [{ text }] }, finishReason: "STOP" }],
      usageMetadata: { promptTokenCount: 12, candidatesTokenCount: 5, totalTokenCount: 17 },
      modelVersion: "gemini-2.5-flash",
    }),
  events: (texts) => eventsOf(gemini, texts),
};

/** All of them. */
export const dialects: readonly [Dialect, ...Dialect[]] = [chat, messages, generate];

/** The one whose path this is. */
export function dialectOf(target: string): Dialect {
  return dialects.find((dialect) => [true, false].some((each) => dialect.target(each) === target)) ?? chat;
}

function eventsOf({ first, say, last }: Family, texts: readonly string[]): readonly string[] {
  return [...(first === "" ? [] : [first]), ...texts.map(say), last];
}

/** Text that no compression makes small, the same for the same seed. */
export function textOf(length: number, seed: number): string {
  return Buffer.from(noise(Math.ceil((length * 3) / 4), seed))
    .toString("base64")
    .slice(0, length);
}
