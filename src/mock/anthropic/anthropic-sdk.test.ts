import { afterAll, describe, expect, test } from "bun:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import Anthropic from "@anthropic-ai/sdk";
import { generateText, jsonSchema, streamText, tool } from "ai";
import OlderAnthropic from "anthropic-sdk-0";
import { startMock } from "../mock-provider.ts";

const mock = startMock();
afterAll(mock.stop);

const newer = new Anthropic({ apiKey: "key", baseURL: mock.url, maxRetries: 0 });
const older = new OlderAnthropic({ apiKey: "key", baseURL: mock.url, maxRetries: 0 });
const hello = [{ role: "user" as const, content: "Hello" }];
const weather = {
  name: "weather",
  description: "Tells the weather.",
  input_schema: { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] },
};

describe.each([
  ["1.x", newer],
  ["0.x", older],
] as const)("@anthropic-ai/sdk %s", (_version, sdk) => {
  // Both versions have the same methods here, but TypeScript can't call a union of their overloads.
  const client = sdk as Anthropic;

  test("gets a message with the usage that the ledger has", async () => {
    const message = await client.messages.create({ model: "claude-opus-4-6", max_tokens: 100, messages: hello });
    expect(message).toMatchObject({
      type: "message",
      model: "claude-opus-4-6",
      stop_reason: "end_turn",
      content: [{ type: "text", text: expect.stringContaining('"Hello"') as unknown }],
    });
    const served = await lastServed();
    expect(served).toMatchObject({
      request_id: message._request_id,
      path: "/v1/messages",
      status: 200,
      usage: { input: message.usage.input_tokens, output: message.usage.output_tokens },
      ended: "complete",
    });
  });

  test("puts a stream together to what the same request gets whole", async () => {
    const request = {
      model: "claude-opus-4-6",
      max_tokens: 2_000,
      messages: hello,
      tools: [weather],
      thinking: { type: "adaptive" as const },
    };
    const whole = await client.messages.create(request);
    const streamed = await client.messages.stream(request).finalMessage();
    const plain = (message: typeof whole) => message.content.map((block) => ({ ...block, id: "" }));
    expect(plain(streamed)).toEqual(plain(whole));
    expect(whole.content.map(({ type }) => type)).toEqual(["thinking", "tool_use"]);
    expect(whole.content[1]).toMatchObject({ name: "weather", input: { city: "mock" } });
    expect(streamed.stop_reason).toBe("tool_use");
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
  });

  test("answers in words once it has the tool's result", async () => {
    const message = await client.messages.create({
      model: "claude-opus-4-6",
      max_tokens: 100,
      tools: [weather],
      messages: [
        ...hello,
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "weather", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "Rain" }] },
      ],
    });
    expect(message.content.map(({ type }) => type)).toEqual(["text"]);
  });

  test("counts the tokens that a message is billed for", async () => {
    const { input_tokens: counted } = await client.messages.countTokens({ model: "claude-opus-4-6", messages: hello });
    const { usage } = await client.messages.create({ model: "claude-opus-4-6", max_tokens: 1, messages: hello });
    expect(counted).toBe(usage.input_tokens);
  });

  test("runs a batch, whose results say what became of each request", async () => {
    const params = { model: "claude-opus-4-6", max_tokens: 10, messages: hello };
    const { id } = await client.messages.batches.create({
      requests: [
        { custom_id: "good", params },
        { custom_id: "bad", params: { ...params, messages: [] } },
        { custom_id: "refused", params: { ...params, model: "mock-429" } },
      ],
    });
    expect(await client.messages.batches.retrieve(id)).toMatchObject({
      processing_status: "ended",
      request_counts: { succeeded: 1, errored: 2 },
    });
    const page = await client.messages.batches.list();
    expect(page.data.map((batch) => batch.id)).toContain(id);
    const results = [];
    for await (const result of await client.messages.batches.results(id))
      results.push([result.custom_id, result.result.type]);
    expect(results).toEqual([
      ["good", "succeeded"],
      ["bad", "errored"],
      ["refused", "errored"],
    ]);
  });

  test("keeps what is known of a file", async () => {
    const file = await client.beta.files.upload({ file: new File(["a,b\n"], "data.csv", { type: "text/csv" }) });
    expect(file).toMatchObject({ filename: "data.csv", mime_type: "text/csv", size_bytes: 4 });
    const listed = [];
    for await (const { id } of client.beta.files.list()) listed.push(id);
    expect(listed).toContain(file.id);
    await client.beta.files.delete(file.id);
    const found = await client.beta.files.retrieveMetadata(file.id).catch((error: unknown) => error);
    expect(found).toMatchObject({ status: 404 });
  });

  test("lists models, and knows every one by its name", async () => {
    const names = [];
    for await (const { id } of client.models.list()) names.push(id);
    expect(names).toContain("claude-opus-4-6");
    expect(await client.models.retrieve("claude-x")).toMatchObject({ id: "claude-x", type: "model" });
  });

  test("meets the errors that a model's name asks for", async () => {
    const meet = (model: string) =>
      client.messages.create({ model, max_tokens: 10, messages: hello }).catch((error: unknown) => error);
    expect(await meet("mock-429")).toMatchObject({ status: 429, error: { error: { type: "rate_limit_error" } } });
    expect(await meet("mock-529")).toMatchObject({ status: 529, error: { error: { type: "overloaded_error" } } });
    expect(await meet("mock-502-html")).toMatchObject({ status: 502 });
  });

  test("a stream that breaks off, or lacks its end, is no message", async () => {
    for (const fault of ["mock-cut-4", "mock-fin-4", "mock-error-event-4"]) {
      const stream = client.messages.stream({ model: fault, max_tokens: 10, messages: hello });
      const ended = await stream.finalMessage().catch((error: unknown) => error);
      expect(ended).toBeInstanceOf(Error);
    }
  });
});

test("the older completions are answered, whole and as a stream", async () => {
  const request = { model: "claude-2.1", max_tokens_to_sample: 100, prompt: "\n\nHuman: Hello\n\nAssistant:" };
  const whole = await older.completions.create(request);
  let streamed = "";
  for await (const { completion } of await older.completions.create({ ...request, stream: true }))
    streamed += completion;
  expect(whole).toMatchObject({ completion: ` ${streamed}`, stop_reason: "stop_sequence" });
  expect(streamed).toContain('"Hello"');
});

test("the AI SDK generates, streams and calls tools", async () => {
  const model = createAnthropic({ apiKey: "key", baseURL: `${mock.url}/v1` })("claude-opus-4-6");
  const { text, usage } = await generateText({ model, prompt: "Hello" });
  expect(text).toContain('"Hello"');
  const streamed = streamText({ model, prompt: "Hello" });
  expect(await streamed.text).toBe(text);
  expect((await streamed.usage).totalTokens).toBe(usage.totalTokens);
  const inputSchema = jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] });
  const called = await generateText({ model, prompt: "Hello", tools: { weather: tool({ inputSchema }) } });
  expect(called.toolCalls[0]).toMatchObject({ toolName: "weather", input: { city: "mock" } });
});

async function lastServed(): Promise<unknown> {
  const response = await fetch(`${mock.url}/__mock/served`);
  return JSON.parse((await response.text()).trim().split("\n").at(-1) ?? "");
}
