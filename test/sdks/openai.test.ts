import { afterAll, beforeAll, expect, test } from "bun:test";
import OpenAI, { AuthenticationError, InternalServerError, RateLimitError, toFile } from "openai";
import { gated, gateKey, openSides, textOf } from "./sides.ts";
import type { Sides } from "./sides.ts";

const connect = (url: string, apiKey: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });

let sides: Sides<OpenAI>;
beforeAll(async () => {
  sides = await openSides({ connect });
});
afterAll(() => sides[Symbol.asyncDispose]());

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { type: "function", function: { name: "get_weather", parameters } } as const;
const hello = { role: "user", content: "Hello" } as const;
const ask = { model: "gpt-4o-mini", messages: [hello] };

type Chunk = OpenAI.ChatCompletionChunk;

/** Reads a stream that asked for no usage; its `"usage":null` is what a gateway's asking leaves. */
async function readChunks(stream: AsyncIterable<Chunk>): Promise<readonly Chunk[]> {
  const chunks = await Array.fromAsync(stream);
  return chunks.map(({ usage, ...chunk }) => {
    expect(usage ?? null).toBeNull();
    return chunk;
  });
}

/** What most programs do with each chunk; it breaks on one without choices. */
function textIn(chunks: readonly Chunk[]): string {
  return chunks.map((chunk) => (chunk.choices[0] as OpenAI.ChatCompletionChunk.Choice).delta.content ?? "").join("");
}

test("a chat completion is the same, with its request id", async () => {
  const { result, exchanges } = await sides.compare(async (client) => {
    const { data, request_id } = await client.chat.completions.create(ask).withResponse();
    return { data, request_id };
  });
  expect(result.request_id).toStartWith("req_");
  expect(textOf(exchanges[0])).toBe(result.data.choices[0]?.message.content ?? "");
});

test("a streamed chat completion is the same, and its usage is recorded though the consumer sees none", async () => {
  const { result, exchanges } = await sides.compare(async (client) =>
    readChunks(await client.chat.completions.create({ ...ask, stream: true })),
  );
  expect(textOf(exchanges[0])).toBe(textIn(result));
  expect(exchanges[0]?.usage.source).toBe("provider");
});

test("a chat stream that asks for its usage gets it", async () => {
  const { result } = await sides.compare(async (client) =>
    Array.fromAsync(
      await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } }),
    ),
  );
  expect(result.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
});

test("a tool that is called is the same, whole, streamed, and put together by the SDK", async () => {
  const asked = { ...ask, tools: [weather] };
  const whole = await sides.compare((client) => client.chat.completions.create(asked));
  const [call] = whole.result.choices[0]?.message.tool_calls ?? [];
  expect(call).toMatchObject({ function: { name: "get_weather", arguments: '{"city":"mock"}' } });
  const streamed = await sides.compare(async (client) =>
    readChunks(await client.chat.completions.create({ ...asked, stream: true })),
  );
  const together = await sides.compare(async (client) => {
    const { usage: _, ...message } = await client.chat.completions.stream(asked).finalChatCompletion();
    return message;
  });
  expect(together.result.choices[0]?.message.tool_calls).toMatchObject([
    { function: { arguments: '{"city":"mock"}' } },
  ]);
  for (const { exchanges } of [whole, streamed, together]) {
    expect(exchanges[0]?.output).toMatchObject({
      choices: [{ tool_calls: [{ name: "get_weather", arguments: '{"city":"mock"}' }], finish_reason: "tool_calls" }],
    });
  }
});

test("several choices are the same, whole and streamed", async () => {
  const asked = { ...ask, n: 2 };
  const { result, exchanges } = await sides.compare((client) => client.chat.completions.create(asked));
  const texts = result.choices.map(({ message }) => message.content);
  expect(new Set(texts).size).toBe(2);
  const streamed = await sides.compare(async (client) =>
    readChunks(await client.chat.completions.create({ ...asked, stream: true })),
  );
  const expected = { kind: "choices", choices: texts.map((text, index) => ({ index, text })) };
  expect(exchanges[0]?.output).toMatchObject(expected);
  expect(streamed.exchanges[0]?.output).toMatchObject(expected);
});

test("an answer that thinks long and fits a schema is the same", async () => {
  const schema = {
    type: "object",
    properties: { ok: { type: "boolean" } },
    required: ["ok"],
    additionalProperties: false,
  };
  const { result, exchanges } = await sides.compare((client) =>
    client.chat.completions.create({
      ...ask,
      model: "o4-mini",
      reasoning_effort: "low",
      response_format: { type: "json_schema", json_schema: { name: "answer", schema, strict: true } },
    }),
  );
  expect(result.choices[0]?.message.content).toBe('{"ok":false}');
  expect(exchanges[0]?.usage.output_reasoning).toBeGreaterThan(0);
});

test("a completion of the old kind is the same, whole and streamed", async () => {
  const asked = { model: "gpt-3.5-turbo-instruct", prompt: "Once" };
  const { result } = await sides.compare((client) => client.completions.create(asked));
  const streamed = await sides.compare(async (client) => {
    const chunks = await Array.fromAsync(await client.completions.create({ ...asked, stream: true }));
    return chunks.map(({ usage: _usage, ...chunk }) => chunk);
  });
  expect(textOf(streamed.exchanges[0])).toBe(result.choices[0]?.text ?? "");
});

test("a response is the same, whole, streamed, got again and deleted", async () => {
  const asked = { model: "gpt-5", input: "Hello", reasoning: { effort: "low" } } as const;
  const { result, exchanges } = await sides.compare((client) => client.responses.create(asked));
  expect(result.output.map(({ type }) => type)).toEqual(["reasoning", "message"]);
  expect(textOf(exchanges[0])).toBe(result.output_text);
  const streamed = await sides.compare(async (client) =>
    Array.fromAsync(await client.responses.create({ ...asked, stream: true })),
  );
  expect(streamed.result.at(-1)?.type).toBe("response.completed");
  expect(textOf(streamed.exchanges[0])).toBe(result.output_text);
  await sides.compare((client) => client.responses.retrieve(result.id));
  await sides.compare((client) => client.responses.delete(result.id));
});

test("a response that calls a tool is the same, streamed through the SDK's helper", async () => {
  const { result, exchanges } = await sides.compare((client) =>
    client.responses
      .stream({
        model: "gpt-4o",
        input: "Hello",
        tools: [{ type: "function", name: "get_weather", strict: false, parameters }],
      })
      .finalResponse(),
  );
  expect(result.output).toMatchObject([{ type: "function_call", name: "get_weather", arguments: '{"city":"mock"}' }]);
  expect(exchanges[0]?.output).toMatchObject({ choices: [{ tool_calls: [{ name: "get_weather" }] }] });
});

test("embeddings are the same, as floats and as base64", async () => {
  const asked = { model: "text-embedding-3-small", input: ["one", "two"] };
  for (const format of [{ encoding_format: "float" }, { encoding_format: "base64" }, {}] as const) {
    const { result, exchanges } = await sides.compare((client) => client.embeddings.create({ ...asked, ...format }));
    expect(result.data).toHaveLength(2);
    expect(exchanges[0]).toMatchObject({ kind: "embedding", output: { kind: "vectors", count: 2, dimensions: 1_536 } });
  }
});

test("images are the same, whole, streamed and edited", async () => {
  const asked = { model: "gpt-image-1", prompt: "A mill" };
  const { result } = await sides.compare((client) => client.images.generate(asked));
  expect(result.data?.[0]?.b64_json).toBeString();
  await sides.compare(async (client) => Array.fromAsync(await client.images.generate({ ...asked, stream: true })));
  await sides.compare(async (client) =>
    client.images.edit({ ...asked, image: await toFile(Buffer.from("x"), "a.png", { type: "image/png" }) }),
  );
});

test("a transcription is the same, whole, as text and streamed", async () => {
  const file = () => toFile(Buffer.alloc(8_000), "speech.mp3");
  const model = "gpt-4o-transcribe";
  const { result, exchanges } = await sides.compare(async (client) =>
    client.audio.transcriptions.create({ model, file: await file() }),
  );
  expect(result.text).toBe("The mock heard 8000 bytes of speech.mp3.");
  expect(JSON.stringify(exchanges[0]?.output)).toContain(result.text);
  await sides.compare(async (client) =>
    client.audio.transcriptions.create({ model: "whisper-1", file: await file(), response_format: "text" }),
  );
  await sides.compare(async (client) =>
    Array.fromAsync(await client.audio.transcriptions.create({ model, file: await file(), stream: true })),
  );
});

test("speech is the same, byte for byte", async () => {
  const { result } = await sides.compare(async (client) =>
    (await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Hello" })).arrayBuffer(),
  );
  expect(result.byteLength).toBeGreaterThan(1_000);
});

test("files are the same: uploaded, listed, read and deleted", async () => {
  const content = `{"custom_id":"1"}\n`;
  const { result } = await sides.compare(async (client) =>
    client.files.create({ file: await toFile(Buffer.from(content), "batch.jsonl"), purpose: "batch" }),
  );
  const listed = await sides.compare(async (client) => Array.fromAsync(await client.files.list()));
  expect(listed.result.map(({ id }) => id)).toEqual([result.id]);
  const read = await sides.compare(async (client) => (await client.files.content(result.id)).text());
  expect(read.result).toBe(content);
  await sides.compare((client) => client.files.delete(result.id));
});

test("models and moderations are the same", async () => {
  const { result } = await sides.compare(async (client) => Array.fromAsync(await client.models.list()));
  expect(result.map(({ id }) => id)).toContain("gpt-4o-mini");
  await sides.compare((client) => client.models.retrieve("ft:gpt-4o:acme::1"));
  const { exchanges } = await sides.compare((client) =>
    client.moderations.create({ input: ["a flower", "some violence"] }),
  );
  expect(exchanges[0]).toMatchObject({ kind: "other", provider: "openai" });
});

test("errors have the same class, and say the same", async () => {
  const models = ["mock-401", "mock-429", "mock-500", "mock-502-html"];
  const { result, exchanges } = await sides.compare((client) =>
    Array.fromAsync(models, (model) =>
      client.chat.completions.create({ ...ask, model }).catch((error: unknown) => error),
    ),
  );
  expect(result[0]).toBeInstanceOf(AuthenticationError);
  expect(result[1]).toBeInstanceOf(RateLimitError);
  expect(result[2]).toBeInstanceOf(InternalServerError);
  expect(result[3]).toBeInstanceOf(InternalServerError);
  expect(exchanges.map(({ status }) => status)).toEqual([401, 429, 500, 502]);
});

test("a 429 tells the SDK when to try again, which it does", async () => {
  const { result, exchanges } = await sides.compareFailure((client) =>
    client.chat.completions.create({ ...ask, model: "mock-429" }, { maxRetries: 1 }),
  );
  expect(result).toBeInstanceOf(RateLimitError);
  expect(exchanges.map(({ status }) => status)).toEqual([429, 429]);
});

test("a stream that breaks fails in the same way", async () => {
  const read = (model: string) => async (client: OpenAI) =>
    Array.fromAsync(await client.chat.completions.create({ ...ask, model, stream: true }));
  const told = await sides.compareFailure(read("mock-error-event-4"));
  expect(told.exchanges[0]).toMatchObject({ outcome: "answered", error: { type: "server_error" } });
  const cut = await sides.compareFailure(read("mock-cut-4"));
  expect(cut.exchanges[0]).toMatchObject({ outcome: "failed", cause: "upstream_reset" });
});

test("behind a gate the gate key takes the place of the provider's", async () => {
  await using gate = await openSides({ connect, env: gated, apiKey: gateKey });
  await gate.compare(async ({ chat, responses, models }) => [
    await chat.completions.create(ask),
    await readChunks(await chat.completions.create({ ...ask, stream: true })),
    await responses.create({ model: "gpt-4o", input: "Hello" }),
    await Array.fromAsync(await models.list()),
  ]);
  const refused = await gate
    .connectWith("another")
    .chat.completions.create(ask)
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(AuthenticationError);
  expect(refused).toMatchObject({ code: "invalid_api_key" });
});
