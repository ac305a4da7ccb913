import { afterAll, beforeAll, expect, test } from "bun:test";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateImage, generateText, jsonSchema, Output, streamText, tool, transcribe } from "ai";
import { startMock } from "../mock-provider.ts";
import type { MockProvider } from "../mock-provider.ts";

let mock: MockProvider;
const openai = () => createOpenAI({ apiKey: "any", baseURL: `${mock.url}/v1` });
const compatible = () =>
  createOpenAICompatible({ name: "mock", apiKey: "any", baseURL: `${mock.url}/v1`, includeUsage: true });

beforeAll(() => {
  mock = startMock();
});

afterAll(() => mock.stop());

const weather = tool({
  description: "The weather",
  inputSchema: jsonSchema<{ city: string }>({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
  }),
});

test("responses, chat and a compatible provider give the same text, whole and streamed", async () => {
  const models = [openai()("gpt-4o"), openai().chat("gpt-4o"), compatible()("gpt-4o")];
  for (const model of models) {
    const whole = await generateText({ model, prompt: "Hello" });
    const stream = streamText({ model, prompt: "Hello" });
    expect(await stream.text).toBe(whole.text);
    expect((await stream.usage).totalTokens).toBe(whole.usage.totalTokens);
    expect(whole.text).toStartWith('You said "Hello".');
  }
});

test("a tool is called, whole and streamed", async () => {
  for (const model of [openai()("gpt-4o"), openai().chat("gpt-4o"), compatible()("gpt-4o")]) {
    const { toolCalls } = await generateText({ model, prompt: "Hello", tools: { weather } });
    expect(toolCalls.map(({ toolName, input }) => [toolName, input])).toEqual([["weather", { city: "mock" }]]);
    const streamed = await streamText({ model, prompt: "Hello", tools: { weather } }).toolCalls;
    expect(streamed.map(({ input }) => input)).toEqual([{ city: "mock" }]);
  }
});

test("a compatible provider's model shows what it thinks where its name asks for it", async () => {
  const { finalStep } = await generateText({ model: compatible()("mock-think"), prompt: "Hello" });
  expect(finalStep.reasoningText).toContain("Hello");
});

test("an object fits its schema", async () => {
  const schema = jsonSchema<{ ok: boolean }>({
    type: "object",
    properties: { ok: { type: "boolean" } },
    required: ["ok"],
    additionalProperties: false,
  });
  const { output } = await generateText({
    model: openai()("gpt-4o"),
    prompt: "Hello",
    output: Output.object({ schema }),
  });
  expect(output).toEqual({ ok: false });
});

test("texts are embedded, images made and speech heard", async () => {
  const { embeddings } = await embedMany({ model: openai().embedding("text-embedding-3-small"), values: ["a", "b"] });
  expect(embeddings.map((vector) => vector.length)).toEqual([1_536, 1_536]);
  const { image } = await generateImage({ model: openai().image("gpt-image-1"), prompt: "A mill" });
  expect(image.mediaType).toBe("image/png");
  const { text } = await transcribe({ model: openai().transcription("whisper-1"), audio: new Uint8Array(100) });
  expect(text).toStartWith("The mock heard 100 bytes");
});
