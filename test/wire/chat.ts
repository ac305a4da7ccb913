import type { Exchange } from "../../src/domain/exchange.ts";
import type { Request } from "./client.ts";

/** What is the same in each family's streams: the call, its events, and how its usage is told. */
export type Family = {
  readonly name: string;
  readonly call: Request;
  /** An event that says this text. */
  readonly say: (text: string) => string;
  /** What comes before the first and after the last of them. */
  readonly first: string;
  readonly last: string;
};

const json = [["content-type", "application/json"]] as const;

/** A chat that asks for its usage itself, so that the bytes of its stream stay as they are. */
export const openai: Family = {
  name: "openai",
  call: {
    method: "POST",
    target: "/v1/chat/completions",
    headers: json,
    body: '{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hi"}]}',
  },
  say: (text) => `data: {"id":"c1","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"${text}"}}]}\n\n`,
  first: "",
  last:
    'data: {"id":"c1","model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n' +
    'data: {"id":"c1","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17}}\n\n' +
    "data: [DONE]\n\n",
};

/** A message stream, which tells the usage of its input at once. */
export const anthropic: Family = {
  name: "anthropic",
  call: {
    method: "POST",
    target: "/v1/messages",
    headers: json,
    body: '{"model":"claude-sonnet-4-5","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}',
  },
  say: (text) =>
    `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${text}"}}\n\n`,
  first:
    'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"usage":{"input_tokens":12,"output_tokens":1}}}\n\n' +
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
  last:
    'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n' +
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}\n\n' +
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
};

/** Gemini's, whose usage stands in its last event. */
export const gemini: Family = {
  name: "gemini",
  call: {
    method: "POST",
    target: "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    headers: json,
    body: '{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}',
  },
  say: (text) =>
    `data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"${text}"}]}}],"modelVersion":"gemini-2.5-flash"}\r\n\r\n`,
  first: "",
  last: 'data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":5,"totalTokenCount":17},"modelVersion":"gemini-2.5-flash"}\r\n\r\n',
};

/** All of them. */
export const families: readonly Family[] = [openai, anthropic, gemini];

/** The text that a record has of its first choice. */
export function textOf({ output }: Exchange): string {
  return output?.kind === "choices" ? (output.choices[0]?.text ?? "") : "";
}
