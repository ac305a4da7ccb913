import { afterAll, beforeAll, expect, test } from "bun:test";
import OpenAI, { APIError, AuthenticationError, NotFoundError, RateLimitError, toFile } from "openai";
import type { ResponseStreamEvent } from "openai/resources/responses/responses";
import { startMock } from "../mock-provider.ts";
import type { MockProvider } from "../mock-provider.ts";

let mock: MockProvider;
let client: OpenAI;

beforeAll(() => {
  mock = startMock({ seed: 7 });
  client = new OpenAI({ apiKey: "any", baseURL: `${mock.url}/v1`, maxRetries: 0 });
});

afterAll(() => mock.stop());

const weather = {
  type: "function",
  name: "get_weather",
  strict: false,
  parameters: { type: "object", properties: { city: { type: "string", enum: ["Paris"] } }, required: ["city"] },
} as const;
const weatherTool = {
  type: "function",
  function: { name: weather.name, parameters: { ...weather.parameters } },
} as const;
const hello = [{ role: "user", content: "Hello" }] as const;
const ask = { model: "gpt-4o-mini", messages: [...hello] };

test("a chat completion has an answer, its usage and a request id", async () => {
  const { data: answer, request_id } = await client.chat.completions.create(ask).withResponse();
  expect(answer.choices[0]?.message.content).toStartWith('You said "Hello".');
  expect(answer.choices[0]?.finish_reason).toBe("stop");
  expect(answer.usage?.total_tokens).toBe((answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0));
  expect(request_id).toStartWith("req_");
});

test("the same question has the same answer and usage, under another id", async () => {
  const [first, second] = await Promise.all([client.chat.completions.create(ask), client.chat.completions.create(ask)]);
  expect(first.choices).toEqual(second.choices);
  expect(first.usage).toEqual(second.usage);
  expect(first.id).not.toBe(second.id);
});

test("a streamed chat completion says what the whole one says", async () => {
  const whole = await client.chat.completions.create(ask);
  const text: string[] = [];
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
    expect(chunk).not.toHaveProperty("usage");
    text.push(chunk.choices[0]?.delta.content ?? "");
  }
  expect(text.filter((piece) => piece !== "").length).toBeGreaterThan(5);
  expect(text.join("")).toBe(whole.choices[0]?.message.content ?? "");
});

test("a stream tells usage where it was asked to: null on every chunk, then on one without choices", async () => {
  const whole = await client.chat.completions.create(ask);
  const chunks = await Array.fromAsync(
    await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } }),
  );
  expect(chunks.slice(0, -1).every(({ usage, choices }) => usage === null && choices.length === 1)).toBe(true);
  expect(chunks.at(-1)?.choices).toEqual([]);
  expect(chunks.at(-1)?.usage).toEqual(whole.usage);
});

test("several choices come in turn, and each is billed", async () => {
  const one = await client.chat.completions.create(ask);
  const three = await client.chat.completions.create({ ...ask, n: 3 });
  expect(new Set(three.choices.map(({ message }) => message.content)).size).toBe(3);
  expect(three.usage?.prompt_tokens).toBe(one.usage?.prompt_tokens);
  expect(three.usage?.completion_tokens).toBeGreaterThan(2 * (one.usage?.completion_tokens ?? 0));
  const chunks = await Array.fromAsync(await client.chat.completions.create({ ...ask, n: 2, stream: true }));
  expect(chunks.slice(0, 4).map(({ choices }) => choices[0]?.index)).toEqual([0, 1, 0, 1]);
});

test("a tool that is offered is called with arguments that fit its schema, in fragments where streamed", async () => {
  const asked = { ...ask, tools: [weatherTool] };
  const whole = await client.chat.completions.create(asked);
  expect(whole.choices[0]?.finish_reason).toBe("tool_calls");
  const [call] = whole.choices[0]?.message.tool_calls ?? [];
  expect(call?.type === "function" ? JSON.parse(call.function.arguments) : undefined).toEqual({ city: "Paris" });

  const chunks = await Array.fromAsync(await client.chat.completions.create({ ...asked, stream: true }));
  const fragments = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? []);
  expect(fragments.length).toBeGreaterThan(2);
  expect(JSON.parse(fragments.join(""))).toEqual({ city: "Paris" });
});

test("a tool's result is answered with text", async () => {
  const call = { id: "call_1", type: "function", function: { name: weather.name, arguments: "{}" } } as const;
  const answer = await client.chat.completions.create({
    ...ask,
    messages: [
      ...hello,
      { role: "assistant", tool_calls: [call] },
      { role: "tool", tool_call_id: "call_1", content: "sunny" },
    ],
    tools: [weatherTool],
  });
  expect(answer.choices[0]?.finish_reason).toBe("stop");
});

test("an answer fits the JSON schema that was asked for", async () => {
  const schema = {
    type: "object",
    properties: { name: { type: "string" }, age: { type: "integer" } },
    required: ["name", "age"],
  };
  const answer = await client.chat.completions.create({
    ...ask,
    response_format: { type: "json_schema", json_schema: { name: "person", schema } },
  });
  expect(JSON.parse(answer.choices[0]?.message.content ?? "")).toEqual({ name: "mock", age: 1 });
});

test("a model that is asked to think is billed for it, and one that is cut short says so", async () => {
  const thought = await client.chat.completions.create({ ...ask, model: "o4-mini", reasoning_effort: "low" });
  expect(thought.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(0);
  const short = await client.chat.completions.create({ ...ask, max_completion_tokens: 3 });
  expect(short.choices[0]?.finish_reason).toBe("length");
  expect(short.usage?.completion_tokens).toBe(3);
});

test("a long prompt is half from the cache", async () => {
  const answer = await client.chat.completions.create({
    ...ask,
    messages: [{ role: "user", content: "word ".repeat(4_096) }],
  });
  const { prompt_tokens = 0, prompt_tokens_details } = answer.usage ?? {};
  expect(prompt_tokens_details?.cached_tokens).toBe(Math.floor(prompt_tokens / 256) * 128);
});

test("a completion of the old kind is answered whole and streamed alike", async () => {
  const asked = { model: "gpt-3.5-turbo-instruct", prompt: "Once" };
  const whole = await client.completions.create(asked);
  const chunks = await Array.fromAsync(
    await client.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } }),
  );
  expect(chunks.map(({ choices }) => choices[0]?.text ?? "").join("")).toBe(whole.choices[0]?.text ?? "");
  expect(chunks.at(-1)?.usage).toEqual(whole.usage);
});

test("a response has its items, and can be got again, gone on from and deleted", async () => {
  const first = await client.responses.create({ model: "gpt-5", input: "Hello", reasoning: { effort: "low" } });
  expect(first.output.map(({ type }) => type)).toEqual(["reasoning", "message"]);
  expect(first.output_text).toStartWith('You said "Hello".');
  expect(first.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0);
  expect(await client.responses.retrieve(first.id)).toMatchObject({ id: first.id, output: first.output });

  const next = await client.responses.create({ model: "gpt-5", input: "Hello", previous_response_id: first.id });
  expect(next.usage?.input_tokens).toBeGreaterThan(first.usage?.total_tokens ?? Infinity);

  await client.responses.delete(first.id);
  expect(await failureOf(client.responses.retrieve(first.id))).toBeInstanceOf(NotFoundError);
  const lost = client.responses.create({ model: "gpt-5", input: "Hello", previous_response_id: first.id });
  expect(await failureOf(lost)).toMatchObject({ status: 400, code: "previous_response_not_found" });
});

test("a streamed response has the whole sequence of events, numbered", async () => {
  const events: ResponseStreamEvent[] = await Array.fromAsync(
    await client.responses.create({ model: "gpt-4o", input: "Hello", stream: true }),
  );
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
  expect([...new Set(events.map(({ type }) => type))]).toEqual([
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  const deltas = events.map((event) => (event.type === "response.output_text.delta" ? event.delta : ""));
  const last = events.at(-1);
  expect(last?.type === "response.completed" ? last.response.output : []).toMatchObject([
    { content: [{ text: deltas.join("") }] },
  ]);
});

test("a streamed response calls a function in fragments", async () => {
  const stream = client.responses.stream({ model: "gpt-4o", input: "Hello", tools: [weather] });
  const deltas: string[] = [];
  stream.on("response.function_call_arguments.delta", ({ delta }) => deltas.push(delta));
  const [call] = (await stream.finalResponse()).output;
  expect(deltas.length).toBeGreaterThan(1);
  expect(call).toMatchObject({ type: "function_call", name: "get_weather", arguments: deltas.join("") });
});

test("a response that runs out of room is incomplete", async () => {
  const { status, incomplete_details } = await client.responses.create({
    model: "gpt-4o",
    input: "Hello",
    max_output_tokens: 16,
  });
  expect({ status, incomplete_details }).toEqual({
    status: "incomplete",
    incomplete_details: { reason: "max_output_tokens" },
  });
});

test("responses know no include_usage", async () => {
  const refused = client.responses.create({
    model: "gpt-4o",
    input: "Hello",
    stream: true,
    // What a gateway may not add here.
    stream_options: { include_usage: true } as object,
  });
  expect(await failureOf(refused)).toMatchObject({
    status: 400,
    code: "unknown_parameter",
    message: "400 Unknown parameter: 'stream_options.include_usage'.",
  });
});

test("a response's input is counted as it is billed, and can be compacted", async () => {
  const asked = { model: "gpt-4o", input: "How many are these?" };
  const { usage } = await client.responses.create(asked);
  const counted = await client.responses.inputTokens.count(asked);
  expect(counted.input_tokens).toBe(usage?.input_tokens ?? 0);
  const compacted = await client.responses.compact({ ...asked, model: "gpt-5.1" });
  expect(compacted.output.at(-1)?.type).toBe("compaction");
});

test("embeddings are of length 1, the same for the same text, as floats and base64", async () => {
  const asked = { model: "text-embedding-3-small", input: ["one", "two", "one"], dimensions: 8 };
  const floats = await client.embeddings.create({ ...asked, encoding_format: "float" });
  const decoded = await client.embeddings.create(asked);
  const [one = [], two = [], again = []] = floats.data.map(({ embedding }) => embedding);
  expect(Math.hypot(...one)).toBeCloseTo(1, 5);
  expect(one).toEqual(again);
  expect(one).not.toEqual(two);
  expect(Array.from(decoded.data[0]?.embedding ?? [])).toEqual(one);
  expect(floats.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
  const whole = await client.embeddings.create({ model: "text-embedding-3-large", input: "one" });
  expect(whole.data[0]?.embedding.length).toBe(3_072);
});

test("images are PNG, whole and streamed", async () => {
  const asked = { model: "gpt-image-1", prompt: "A mill" };
  const images = await client.images.generate({ ...asked, n: 2 });
  expect(images.data?.length).toBe(2);
  expect(Buffer.from(images.data?.[0]?.b64_json ?? "", "base64").toString("latin1", 1, 4)).toBe("PNG");
  expect(images.usage?.output_tokens).toBe(544);
  const events = await Array.fromAsync(await client.images.generate({ ...asked, stream: true }));
  expect(events.map(({ type }) => type)).toEqual(["image_generation.partial_image", "image_generation.completed"]);
  const edited = await client.images.edit({
    ...asked,
    image: await toFile(Buffer.from("x"), "a.png", { type: "image/png" }),
  });
  expect(edited.data?.length).toBe(1);
});

test("speech is bytes of audio", async () => {
  const speech = await client.audio.speech.create({
    model: "tts-1",
    voice: "alloy",
    input: "Hello",
    response_format: "wav",
  });
  expect(speech.headers.get("content-type")).toBe("audio/wav");
  expect((await speech.arrayBuffer()).byteLength).toBe(5 * 256);
});

test("a file is transcribed, as JSON, as text and in a stream", async () => {
  const file = await toFile(Buffer.alloc(8_000), "speech.mp3");
  const json = await client.audio.transcriptions.create({ model: "gpt-4o-transcribe", file });
  expect(json).toMatchObject({
    text: "The mock heard 8000 bytes of speech.mp3.",
    usage: { type: "tokens", input_tokens: 20 },
  });
  const text: unknown = await client.audio.transcriptions.create({ model: "whisper-1", file, response_format: "text" });
  expect(text).toBe(`${json.text}\n`);
  const events = await Array.fromAsync(
    await client.audio.transcriptions.create({ model: "gpt-4o-transcribe", file, stream: true }),
  );
  expect(events.at(-1)).toMatchObject({ type: "transcript.text.done", text: json.text });
});

test("what speaks of violence is flagged", async () => {
  const { results } = await client.moderations.create({ input: ["a flower", "some violence"] });
  expect(results.map(({ flagged, categories }) => [flagged, categories.violence])).toEqual([
    [false, false],
    [true, true],
  ]);
});

test("models are listed, and every name is one but what asks not to be", async () => {
  const models = await Array.fromAsync(await client.models.list());
  expect(models.map(({ id }) => id)).toContain("gpt-4o-mini");
  expect((await client.models.retrieve("ft:gpt-4o:acme::1")).id).toBe("ft:gpt-4o:acme::1");
  expect(await failureOf(client.models.retrieve("mock-404"))).toBeInstanceOf(NotFoundError);
});

test("a file is kept, listed, given back and deleted", async () => {
  const content = `{"custom_id":"1"}\n`;
  const file = await client.files.create({ file: await toFile(Buffer.from(content), "batch.jsonl"), purpose: "batch" });
  expect(file).toMatchObject({ filename: "batch.jsonl", bytes: content.length, purpose: "batch" });
  expect((await Array.fromAsync(await client.files.list())).map(({ id }) => id)).toContain(file.id);
  expect(await (await client.files.content(file.id)).text()).toBe(content);
  expect(await client.files.delete(file.id)).toMatchObject({ id: file.id, deleted: true });
  expect(await failureOf(client.files.retrieve(file.id))).toBeInstanceOf(NotFoundError);
});

test("a 429 says when to come again", async () => {
  const error = await failureOf(client.chat.completions.create({ ...ask, model: "mock-429" }));
  expect(error).toBeInstanceOf(RateLimitError);
  expect(error.code).toBe("rate_limit_exceeded");
  expect(error.headers?.get("retry-after")).toBe("1");
});

test("without a credential it is 401", async () => {
  const response = await fetch(`${mock.url}/v1/models`);
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error", param: null, code: null } });
  const error = await failureOf(client.chat.completions.create({ ...ask, model: "mock-401" }));
  expect(error).toBeInstanceOf(AuthenticationError);
});

test("a stream that ends with an error event fails where it is read", async () => {
  const stream = await client.chat.completions.create({ ...ask, model: "mock-error-event-3", stream: true });
  const read: unknown[] = [];
  const error = await failureOf(
    (async () => {
      for await (const chunk of stream) read.push(chunk);
    })(),
  );
  expect(read.length).toBe(3);
  expect(error.type).toBe("server_error");
});

test("what is no JSON and what lacks a model is refused", async () => {
  const post = (body: string) =>
    fetch(`${mock.url}/v1/chat/completions`, { method: "POST", headers: { authorization: "Bearer any" }, body });
  expect((await post("{")).status).toBe(400);
  expect((await post("{}")).status).toBe(400);
  expect(await (await post(`{"model":"gpt-4o"}`)).json()).toMatchObject({
    error: { param: "messages", code: "missing_required_parameter" },
  });
});

async function failureOf(promise: Promise<unknown>): Promise<APIError> {
  const outcome = await promise.catch((error: unknown) => error);
  if (outcome instanceof APIError) return outcome;
  throw new Error("it didn't fail as it should");
}
