import { afterAll, beforeAll, expect, test } from "bun:test";
import OpenAI, { APIConnectionError, AuthenticationError, InternalServerError, RateLimitError, toFile } from "openai";
import { gated, openSides, textOf } from "./sides.ts";
import type { Sides } from "./sides.ts";

const connect = (url: string, apiKey: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });

let sides: Sides<OpenAI>;
beforeAll(async () => {
  sides = await openSides({ connect });
});
afterAll(() => sides[Symbol.asyncDispose]());

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { type: "function", function: { name: "get_weather", parameters } } as const;
const ask = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello" }] } satisfies OpenAI.ChatCompletionCreateParams;

test("a chat completion, with its request id", async () => {
  const { result, exchanges } = await sides.compare((client) => client.chat.completions.create(ask).withResponse().then(({ data, request_id }) => ({ data, request_id })));
  expect(result.data._request_id).toBe(result.request_id);
  expect(result.request_id).toStartWith("req_");
  expect(textOf(exchanges[0])).toBe(result.data.choices[0]?.message.content ?? "");
});

test("a streamed chat completion, whose usage is recorded though the consumer sees none", async () => {
  const { result, exchanges } = await sides.compare(async (client) =>
    Array.fromAsync(await client.chat.completions.create({ ...ask, stream: true })),
  );
  // What most programs do with each chunk; it breaks on one without choices.
  const text = result.map((chunk) => (chunk.choices[0] as OpenAI.ChatCompletionChunk.Choice).delta.content ?? "").join("");
  expect(textOf(exchanges[0])).toBe(text);
  expect(result.every(({ usage }) => usage === undefined || usage === null)).toBe(true);
});

test("a streamed chat completion that asks for its usage", async () => {
  const { result } = await sides.compare(async (client) =>
    Array.fromAsync(await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } })),
  );
  expect(result.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
});
