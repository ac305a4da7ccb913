import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embed, embedMany, generateText, isStepCount, jsonSchema, Output, streamText, tool } from "ai";
import type { EmbeddingModel, LanguageModel, StepResult, ToolSet } from "ai";
import { gated, gateKey, openSides, textOf } from "./sides.ts";
import type { Sides } from "./sides.ts";

/** What a program makes of one address and one key. */
type Models = { readonly language: (model: string) => LanguageModel; readonly embedding?: EmbeddingModel };
type Connect = (url: string, apiKey: string) => Models;

const providers: Readonly<Record<string, { readonly model: string; readonly connect: Connect }>> = {
  "@ai-sdk/openai, responses": {
    model: "gpt-4o",
    connect(url, apiKey) {
      const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey });
      return { language: openai, embedding: openai.embedding("text-embedding-3-small") };
    },
  },
  "@ai-sdk/openai, chat": {
    model: "gpt-4o",
    connect: (url, apiKey) => ({ language: createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat }),
  },
  "@ai-sdk/openai-compatible": {
    model: "llama-4",
    connect(url, apiKey) {
      const compatible = createOpenAICompatible({
        name: "mock",
        baseURL: `${url}/v1`,
        apiKey,
        supportsStructuredOutputs: true,
      });
      return { language: compatible, embedding: compatible.embeddingModel("text-embedding-3-small") };
    },
  },
  "@ai-sdk/anthropic": {
    model: "claude-opus-4-6",
    connect: (url, apiKey) => ({ language: createAnthropic({ baseURL: `${url}/v1`, apiKey }) }),
  },
  "@ai-sdk/google": {
    model: "gemini-2.5-flash",
    connect(url, apiKey) {
      // Its own ids are random.
      const google = createGoogle({ baseURL: `${url}/v1beta`, apiKey, generateId: () => "id" });
      return { language: google, embedding: google.embedding("gemini-embedding-001") };
    },
  },
};

const city = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
} as const;
const weather = tool({
  description: "Tells the weather.",
  inputSchema: jsonSchema<{ city: string }>(city),
  execute: ({ city: place }) => `Rain in ${place}`,
});

describe.each(Object.entries(providers))("%s", (name, { model, connect }) => {
  let sides: Sides<Models>;
  beforeAll(async () => {
    sides = await openSides({ connect });
  });
  afterAll(() => sides[Symbol.asyncDispose]());

  test("text is the same, whole and streamed", async () => {
    const { result, exchanges } = await sides.compare((models) => generate(models, { model }));
    expect(textOf(exchanges[0])).toBe(result.text);
    const streamed = await sides.compare((models) => stream(models, { model }));
    expect(streamed.result.text).toBe(result.text);
    expect(textOf(streamed.exchanges[0])).toBe(result.text);
    expect(streamed.exchanges[0]?.usage).toMatchObject({ source: "provider", total: result.usage.totalTokens });
    // It asks for no usage, and so it sees none; the record has it all the same.
    const seen = name === "@ai-sdk/openai-compatible" ? undefined : result.usage.totalTokens;
    expect(streamed.result.usage.totalTokens).toBe(seen as number);
  });

  test("a tool is called and its result answered in the same way, whole and streamed", async () => {
    const asked = { model, tools: { weather } };
    for (const { result, exchanges } of [
      await sides.compare((models) => generate(models, asked)),
      await sides.compare((models) => stream(models, asked)),
    ]) {
      expect(result.steps.map(({ toolCalls }) => toolCalls.map(({ input }) => input))).toEqual([
        [{ city: "mock" }],
        [],
      ]);
      expect(exchanges[0]?.output).toMatchObject({ choices: [{ tool_calls: [{ name: "weather" }] }] });
      expect(textOf(exchanges[1])).toBe(result.text);
    }
  });

  test("an object is the same", async () => {
    const output = Output.object({ schema: jsonSchema<{ city: string }>(city) });
    const { result, exchanges } = await sides.compare(async ({ language }) => {
      const answer = await generateText({ model: language(model), prompt: "Hello", output, maxRetries: 0 });
      return { object: answer.output, text: answer.text, usage: answer.usage };
    });
    expect(result.object).toEqual({ city: "mock" });
    expect(textOf(exchanges[0])).toBe(result.text);
  });

  if (connect("http://unused", "unused").embedding !== undefined) {
    test("embeddings are the same", async () => {
      const { result, exchanges } = await sides.compare(async ({ embedding = "" }) => {
        const { response: _, ...one } = await embed({ model: embedding, value: "one" });
        const { responses: _answers, ...both } = await embedMany({ model: embedding, values: ["one", "two"] });
        return { one, both };
      });
      const vectors = { kind: "vectors", dimensions: result.one.embedding.length };
      expect(exchanges[0]).toMatchObject({ kind: "embedding", output: { ...vectors, count: 1 } });
      expect(exchanges[1]).toMatchObject({ kind: "embedding", output: { ...vectors, count: 2 } });
    });
  }

  test("an error is the same", async () => {
    const { result, exchanges } = await sides.compareFailure((models) =>
      generateText({ model: models.language("mock-429"), prompt: "Hello", maxRetries: 0 }),
    );
    expect(APICallError.isInstance(result) ? result.statusCode : undefined).toBe(429);
    expect(exchanges).toHaveLength(1);
  });
});

test("behind a gate the gate key takes the place of every provider's", async () => {
  const connect = (url: string, apiKey: string) =>
    Object.values(providers).map(({ model, connect: connectOne }) => ({ model, models: connectOne(url, apiKey) }));
  await using gate = await openSides({ connect, env: gated, apiKey: gateKey });
  await gate.compare(async (all) => {
    const results = [];
    // One after another: the order decides the ids.
    for (const { model, models } of all)
      results.push(await generate(models, { model }), await stream(models, { model }));
    return results;
  });
  for (const { model, models } of gate.connectWith("another")) {
    const refused = await generate(models, { model }).catch((error: unknown) => error);
    expect(APICallError.isInstance(refused) ? refused.statusCode : undefined).toBe(401);
  }
});

type Asked = { readonly model: string; readonly tools?: { readonly weather: typeof weather } };

async function generate({ language }: Models, { model, tools }: Asked) {
  const { text, finishReason, usage, warnings, steps } = await generateText({
    model: language(model),
    prompt: "Hello",
    tools,
    stopWhen: isStepCount(2),
    maxRetries: 0,
  });
  return { text, finishReason, usage, warnings, steps: steps.map(told) };
}

async function stream({ language }: Models, { model, tools }: Asked) {
  const result = streamText({
    model: language(model),
    prompt: "Hello",
    tools,
    stopWhen: isStepCount(2),
    maxRetries: 0,
  });
  const pieces = await Array.fromAsync(result.textStream);
  const [text, finishReason, usage, warnings, steps] = await Promise.all([
    result.text,
    result.finishReason,
    result.usage,
    result.warnings,
    result.steps,
  ]);
  return { pieces, text, finishReason, usage, warnings, steps: steps.map(told) };
}

/** What a step tells of its answer, without the SDK's own clocks and random ids. */
function told(step: StepResult<ToolSet>) {
  const { content, reasoning, sources, finishReason, usage, toolCalls, toolResults, providerMetadata, response } = step;
  const { id, modelId } = response;
  return { content, reasoning, sources, finishReason, usage, toolCalls, toolResults, providerMetadata, id, modelId };
}
