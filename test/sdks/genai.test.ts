import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ApiError, GoogleGenAI, Modality, Type } from "@google/genai";
import type { GenerateContentResponse, LiveServerMessage } from "@google/genai";
import { ApiError as OlderApiError, GoogleGenAI as OlderGoogleGenAI } from "genai-1";
import { gated, gateKey, openSides, textOf } from "./sides.ts";
import type { Sides } from "./sides.ts";

const model = "gemini-2.5-flash";
const ask = { model, contents: "Hello" };
const parameters = { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] };
const tools = [{ functionDeclarations: [{ name: "weather", parameters }] }];

function textIn(chunks: readonly GenerateContentResponse[]): string {
  return chunks.map((chunk) => chunk.text ?? "").join("");
}

describe.each([
  ["3.x", "v1", GoogleGenAI, ApiError],
  ["1.x", "v1beta", OlderGoogleGenAI, OlderApiError],
] as const)("@google/genai %s", (_version, prefix, Sdk, Failure) => {
  const connect = (baseUrl: string, apiKey: string) =>
    // Both versions have the same methods here, but their enums are strangers to each other.
    new Sdk({ apiKey, httpOptions: { baseUrl } }) as GoogleGenAI;

  let sides: Sides<GoogleGenAI>;
  beforeAll(async () => {
    sides = await openSides({ connect });
  });
  afterAll(() => sides[Symbol.asyncDispose]());

  test("content is the same", async () => {
    const { result, exchanges } = await sides.compare((client) => client.models.generateContent(ask));
    expect(exchanges[0]).toMatchObject({
      provider: "gemini",
      dialect: "gemini-generate",
      path: `/${prefix}/models/${model}:generateContent`,
      streaming: false,
    });
    expect(result.text).toBe(textOf(exchanges[0]) ?? "");
  });

  test("a stream is the same, and says what the whole answer says", async () => {
    const { result, exchanges } = await sides.compare(async (client) =>
      Array.fromAsync(await client.models.generateContentStream(ask)),
    );
    expect(result.length).toBeGreaterThan(3);
    expect(exchanges[0]).toMatchObject({ streaming: true });
    expect(textOf(exchanges[0])).toBe(textIn(result));
  });

  test("a function that is called is the same, whole and streamed", async () => {
    const asked = { ...ask, config: { tools } };
    const { result, exchanges } = await sides.compare((client) => client.models.generateContent(asked));
    expect(result.functionCalls).toMatchObject([{ name: "weather", args: { city: "mock" } }]);
    const streamed = await sides.compare(async (client) =>
      Array.fromAsync(await client.models.generateContentStream(asked)),
    );
    for (const { output } of [...exchanges, ...streamed.exchanges]) {
      expect(output).toMatchObject({ choices: [{ tool_calls: [{ name: "weather", arguments: { city: "mock" } }] }] });
    }
  });

  test("thoughts and JSON are the same", async () => {
    const thinkingConfig = { includeThoughts: true };
    const thought = await sides.compare((client) =>
      client.models.generateContent({ ...ask, config: { thinkingConfig } }),
    );
    expect(thought.exchanges[0]?.usage.output_reasoning).toBeGreaterThan(0);
    expect(thought.exchanges[0]?.output).toMatchObject({ choices: [{ reasoning: expect.stringContaining("Hello") }] });
    const config = { responseMimeType: "application/json", responseSchema: parameters };
    const { result } = await sides.compare((client) => client.models.generateContent({ ...ask, config }));
    expect(result.text).toBe('{"city":"mock"}');
  });

  test("a chat is the same, turn by turn", async () => {
    const { result, exchanges } = await sides.compare(async (client) => {
      const chat = client.chats.create({ model });
      const first = await chat.sendMessage({ message: "Hello" });
      const second = await Array.fromAsync(await chat.sendMessageStream({ message: "And then?" }));
      return { first, second, history: chat.getHistory() };
    });
    expect(exchanges.map(textOf)).toEqual([result.first.text ?? "", textIn(result.second)]);
  });

  test("embeddings and counts are the same", async () => {
    const asked = { model: "gemini-embedding-001", contents: ["one", "two"], config: { outputDimensionality: 16 } };
    const { exchanges } = await sides.compare((client) => client.models.embedContent(asked));
    expect(exchanges[0]).toMatchObject({ kind: "embedding", output: { kind: "vectors", count: 2, dimensions: 16 } });
    const counted = await sides.compare((client) => client.models.countTokens(ask));
    expect(counted.result.totalTokens).toBeGreaterThan(0);
    expect(counted.exchanges[0]).toMatchObject({ kind: "other", usage: { source: "none", total: 0 } });
  });

  test("cached contents are the same, and what comes from them is counted apart", async () => {
    const contents = [{ role: "user", parts: [{ text: "x".repeat(8_000) }] }];
    const { result } = await sides.compare((client) =>
      client.caches.create({ model, config: { contents, ttl: "60s" } }),
    );
    const config = { cachedContent: result.name ?? "" };
    const { exchanges } = await sides.compare((client) => client.models.generateContent({ ...ask, config }));
    expect(exchanges[0]?.usage.input_cached).toBeGreaterThan(1_000);
    await sides.compare((client) => client.caches.delete({ name: config.cachedContent }));
  });

  test("files are the same: uploaded, looked at, listed and deleted", async () => {
    const config = { mimeType: "text/plain" };
    const upload = (client: GoogleGenAI) => client.files.upload({ file: new Blob(["mill"]), config });
    const { result, exchanges } = await sides.compare(upload);
    // The first says where the bytes go; the SDK puts its base URL in place of the provider's.
    expect(exchanges).toHaveLength(2);
    expect(result).toMatchObject({ mimeType: "text/plain", sizeBytes: "4", state: "ACTIVE" });
    const name = result.name ?? "";
    await sides.compare((client) => client.files.get({ name }));
    const listed = await sides.compare(async (client) => Array.fromAsync(await client.files.list()));
    expect(listed.result.map((file) => file.name)).toEqual([name]);
    await sides.compare((client) => client.files.delete({ name }));
  });

  test("models are the same", async () => {
    const { result } = await sides.compare(async (client) => Array.fromAsync(await client.models.list()));
    expect(result.map(({ name }) => name)).toContain(`models/${model}`);
    await sides.compare((client) => client.models.get({ model }));
  });

  test("errors have the same class, and say the same", async () => {
    const fail = async ({ models }: GoogleGenAI, status: number) => {
      const asked = { ...ask, model: `mock-${status}` };
      const whole = await models.generateContent(asked).catch((error: unknown) => error);
      const streamed = await models.generateContentStream(asked).catch((error: unknown) => error);
      return [whole, streamed];
    };
    const { result, exchanges } = await sides.compare((client) =>
      Array.fromAsync([401, 429, 500], (status) => fail(client, status)),
    );
    for (const failure of result.flat()) expect(failure).toBeInstanceOf(Failure);
    expect(exchanges.map(({ status }) => status)).toEqual([401, 401, 429, 429, 500, 500]);
  });

  test("a live conversation is the same", async () => {
    const { result, exchanges } = await sides.compare(converse, inSocket);
    const texts = result.flatMap(({ serverContent }) => serverContent?.modelTurn?.parts ?? []).map(({ text }) => text);
    expect(texts.join("")).toContain('"Hello"');
    expect(exchanges[0]).toMatchObject({ transport: "websocket", dialect: "gemini-live", model });
    expect(textOf(exchanges[0])).toBe(texts.join(""));
    const { promptTokenCount: input, responseTokenCount: output } = result.at(-1)?.usageMetadata ?? {};
    expect(exchanges[0]?.usage).toMatchObject({ input, output, source: "provider" });
  });

  test("behind a gate the gate key takes the place of the provider's", async () => {
    await using gate = await openSides({ connect, env: gated, apiKey: gateKey });
    await gate.compare(async ({ models }) => [
      await models.generateContent(ask),
      await Array.fromAsync(await models.generateContentStream(ask)),
      await Array.fromAsync(await models.list()),
    ]);
    await gate.compare(converse, inSocket);
    const refused = await gate
      .connectWith("another")
      .models.generateContent(ask)
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Failure);
    expect(refused).toMatchObject({ status: 401, message: expect.stringContaining("invalid_api_key") });
  });
});

/** The whole socket is one exchange, for the mock the turn in it is another one. */
const inSocket = { past: { path: /BidiGenerateContent$/, requests: 1 } };

/** One turn of a live session, by all of its messages. */
async function converse(client: GoogleGenAI): Promise<readonly LiveServerMessage[]> {
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
  return messages;
}

test("an interaction is the same, whole and streamed", async () => {
  await using sides = await openSides({
    connect: (baseUrl, apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl } }),
  });
  const asked = { model, input: "Hello" };
  const { result, exchanges } = await sides.compare((client) => client.interactions.create(asked));
  expect(result).toMatchObject({ status: "completed", steps: [{ content: [{ text: textOf(exchanges[0]) }] }] });
  const streamed = await sides.compare(async (client) =>
    Array.fromAsync(await client.interactions.create({ ...asked, stream: true })),
  );
  expect(textOf(streamed.exchanges[0])).toBe(textOf(exchanges[0]) ?? "");
  await sides.compare((client) => client.interactions.get(result.id));
});
