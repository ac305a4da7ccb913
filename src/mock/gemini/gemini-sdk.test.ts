import { afterAll, describe, expect, test } from "bun:test";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { FunctionCallingConfigMode, GoogleGenAI, Modality, Type } from "@google/genai";
import type { LiveServerMessage } from "@google/genai";
import { embed, generateText, jsonSchema, streamText, tool } from "ai";
import { GoogleGenAI as OlderGoogleGenAI } from "genai-1";
import { startMock } from "../mock-provider.ts";

const mock = startMock();
afterAll(mock.stop);

const options = { apiKey: "key", httpOptions: { baseUrl: mock.url } };
const model = "gemini-2.5-flash";
const weather = {
  name: "weather",
  parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] },
};

describe.each([
  ["3.x", new GoogleGenAI(options)],
  ["1.x", new OlderGoogleGenAI(options)],
] as const)("@google/genai %s", (version, sdk) => {
  // Both versions have the same methods here, but their enums are strangers to each other.
  const client = sdk as GoogleGenAI;

  test("generates content with the usage that the ledger has", async () => {
    const answer = await client.models.generateContent({ model, contents: "Hello" });
    expect(answer.text).toContain('"Hello"');
    expect(answer.modelVersion).toBe(model);
    expect(answer.candidates?.[0]?.finishReason).toBe("STOP" as never);
    const { promptTokenCount: input, candidatesTokenCount: output } = answer.usageMetadata ?? {};
    expect(await lastServed()).toMatchObject({
      request_id: answer.responseId,
      path: `/${version === "3.x" ? "v1" : "v1beta"}/models/${model}:generateContent`,
      usage: { input, output },
      ended: "complete",
    });
  });

  test("a stream says what a whole answer says, and counts the same at its end", async () => {
    const request = { model, contents: "Hello", config: { thinkingConfig: { includeThoughts: true } } };
    const whole = await client.models.generateContent(request);
    let text = "";
    let thought = "";
    let usage: unknown;
    for await (const chunk of await client.models.generateContentStream(request)) {
      for (const part of chunk.candidates?.[0]?.content?.parts ?? []) {
        if (part.thought === true) thought += part.text ?? "";
        else text += part.text ?? "";
      }
      usage = chunk.usageMetadata;
    }
    expect(text).toBe(whole.text ?? "");
    expect(whole.candidates?.[0]?.content?.parts?.[0]).toEqual({ text: thought, thought: true });
    expect(usage).toEqual(whole.usageMetadata);
    expect(whole.usageMetadata?.thoughtsTokenCount).toBeGreaterThan(0);
  });

  test("calls a function, unless it mustn't, and answers in words once it has the result", async () => {
    const tools = [{ functionDeclarations: [weather] }];
    const called = await client.models.generateContent({ model, contents: "Rain?", config: { tools } });
    expect(called.functionCalls).toMatchObject([{ name: "weather", args: { city: "mock" } }]);
    const mode = FunctionCallingConfigMode.NONE;
    const free = await client.models.generateContent({
      model,
      contents: "Rain?",
      config: { tools, toolConfig: { functionCallingConfig: { mode } } },
    });
    expect(free.functionCalls).toBeUndefined();
    const functionResponse = { name: "weather", response: { sky: "grey" } };
    const after = await client.models.generateContent({
      model,
      contents: [{ role: "user", parts: [{ functionResponse }] }],
      config: { tools },
    });
    expect([after.functionCalls, typeof after.text]).toEqual([undefined, "string"]);
  });

  test("answers in JSON that fits a schema", async () => {
    const config = { responseMimeType: "application/json", responseSchema: weather.parameters };
    const { text } = await client.models.generateContent({ model, contents: "Where?", config });
    expect(JSON.parse(text ?? "")).toEqual({ city: "mock" });
  });

  test("counts the tokens that an answer is billed for", async () => {
    const { totalTokens } = await client.models.countTokens({ model, contents: "Hello" });
    const { usageMetadata } = await client.models.generateContent({ model, contents: "Hello" });
    expect(totalTokens).toBe(usageMetadata?.promptTokenCount);
  });

  test("embeds several contents, each always the same and of length 1", async () => {
    const config = { outputDimensionality: 16 };
    const embedAll = () =>
      client.models.embedContent({ model: "gemini-embedding-001", contents: ["one", "two"], config });
    const { embeddings = [] } = await embedAll();
    expect(embeddings.map(({ values }) => values?.length)).toEqual([16, 16]);
    expect(Math.hypot(...(embeddings[0]?.values ?? []))).toBeCloseTo(1, 6);
    expect((await embedAll()).embeddings).toEqual(embeddings);
  });

  test("bills what comes from a cache apart", async () => {
    const contents = [{ role: "user", parts: [{ text: "x".repeat(8_000) }] }];
    const cached = await client.caches.create({ model, config: { contents, ttl: "60s" } });
    expect(await client.caches.get({ name: cached.name ?? "" })).toMatchObject({ name: cached.name });
    const config = { cachedContent: cached.name };
    const { usageMetadata } = await client.models.generateContent({ model, contents: "Hello", config });
    expect(usageMetadata?.cachedContentTokenCount).toBe(cached.usageMetadata?.totalTokenCount);
    expect(usageMetadata?.promptTokenCount).toBeGreaterThan(usageMetadata?.cachedContentTokenCount ?? 0);
    const names = [];
    for await (const { name } of await client.caches.list()) names.push(name);
    expect(names).toContain(cached.name);
    await client.caches.delete({ name: cached.name ?? "" });
    expect(await client.caches.get({ name: cached.name ?? "" }).catch((error: unknown) => error)).toMatchObject({
      status: 403,
    });
  });

  test("uploads a file, in several pieces where it is large", async () => {
    const bytes = 9 * 1_024 * 1_024;
    const file = await client.files.upload({ file: new Blob(["x".repeat(bytes)]), config: { mimeType: "text/plain" } });
    expect(file).toMatchObject({ mimeType: "text/plain", sizeBytes: String(bytes), state: "ACTIVE" });
    expect(await client.files.get({ name: file.name ?? "" })).toMatchObject({ name: file.name });
    await client.files.delete({ name: file.name ?? "" });
    expect(await client.files.get({ name: file.name ?? "" }).catch((error: unknown) => error)).toMatchObject({
      status: 403,
    });
  });

  test("lists models, and knows every one by its name", async () => {
    const names = [];
    for await (const { name } of await client.models.list()) names.push(name);
    expect(names).toContain(`models/${model}`);
    expect(await client.models.get({ model: "gemini-x" })).toMatchObject({ name: "models/gemini-x" });
  });

  test("meets the errors that a model's name asks for, whole and in a stream", async () => {
    const meet = (name: string) =>
      client.models.generateContent({ model: name, contents: "Hello" }).catch((error: unknown) => error);
    expect(await meet("mock-429")).toMatchObject({ status: 429 });
    expect(await meet("mock-500")).toMatchObject({ status: 500 });
    // The older one takes an error among the events for an empty chunk.
    const seen = version === "3.x" ? ["mock-error-event-2"] : [];
    for (const fault of [...seen, "mock-cut-2", "mock-fin-2"]) {
      const read = async (): Promise<string> => {
        let text = "";
        for await (const chunk of await client.models.generateContentStream({ model: fault, contents: "Hello" }))
          text += chunk.text;
        return text;
      };
      expect(await read().catch((error: unknown) => error)).toBeInstanceOf(Error);
    }
  });

  test("holds a live conversation", async () => {
    const messages: LiveServerMessage[] = [];
    const { promise: done, resolve, reject } = Promise.withResolvers<undefined>();
    const session = await client.live.connect({
      model,
      config: { responseModalities: [Modality.TEXT] },
      callbacks: {
        onmessage(message) {
          messages.push(message);
          if (message.serverContent?.turnComplete === true) resolve(undefined);
        },
        onerror: reject,
      },
    });
    session.sendClientContent({ turns: "Hello", turnComplete: true });
    await done;
    session.close();
    const text = messages
      .flatMap(({ serverContent }) => serverContent?.modelTurn?.parts ?? [])
      .map((part) => part.text ?? "");
    expect(text.join("")).toContain('"Hello"');
    const usage = messages.at(-1)?.usageMetadata;
    expect(usage?.totalTokenCount).toBeGreaterThan(0);
    expect(await lastServed()).toMatchObject({
      usage: { input: usage?.promptTokenCount, output: usage?.responseTokenCount },
    });
  });
});

test("interactions come whole and as a stream, with steps and usage", async () => {
  const client = new GoogleGenAI(options);
  const tools = [
    {
      type: "function" as const,
      name: "weather",
      parameters: { type: "object", required: ["city"], properties: { city: { type: "string" } } },
    },
  ];
  const whole = await client.interactions.create({ model, input: "Hello" });
  expect(whole).toMatchObject({ status: "completed", model, steps: [{ type: "model_output" }] });
  const { total_input_tokens: read, total_output_tokens: written } = whole.usage ?? {};
  expect(await lastServed()).toMatchObject({ path: "/v1/interactions", usage: { input: read, output: written } });
  const called = await client.interactions.create({ model, input: "Hello", tools });
  expect(called).toMatchObject({
    status: "requires_action",
    steps: [{ type: "function_call", arguments: { city: "mock" } }],
  });
  const types = new Set<string>();
  let text = "";
  for await (const event of await client.interactions.create({ model, input: "Hello", stream: true })) {
    types.add(event.event_type);
    if (event.event_type === "step.delta" && event.delta.type === "text") text += event.delta.text;
  }
  expect([...types]).toEqual([
    "interaction.created",
    "interaction.status_update",
    "step.start",
    "step.delta",
    "step.stop",
    "interaction.completed",
  ]);
  expect(whole.steps).toMatchObject([{ content: [{ text }] }]);
  expect(await client.interactions.get(whole.id)).toMatchObject({ id: whole.id });
});

test("the AI SDK generates, streams, calls tools and embeds", async () => {
  const google = createGoogleGenerativeAI({ apiKey: "key", baseURL: `${mock.url}/v1beta` });
  const { text, usage } = await generateText({ model: google(model), prompt: "Hello" });
  expect(text).toContain('"Hello"');
  const streamed = streamText({ model: google(model), prompt: "Hello" });
  expect(await streamed.text).toBe(text);
  expect((await streamed.usage).totalTokens).toBe(usage.totalTokens);
  const inputSchema = jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] });
  const called = await generateText({
    model: google(model),
    prompt: "Hello",
    tools: { weather: tool({ inputSchema }) },
  });
  expect(called.toolCalls[0]).toMatchObject({ toolName: "weather", input: { city: "mock" } });
  const { embedding } = await embed({ model: google.embedding("gemini-embedding-001"), value: "Hello" });
  expect(embedding).toHaveLength(768);
});

async function lastServed(): Promise<unknown> {
  const response = await fetch(`${mock.url}/__mock/served`);
  return JSON.parse((await response.text()).trim().split("\n").at(-1) ?? "");
}
