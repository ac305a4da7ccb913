import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Answer } from "./dialect.ts";
import { openaiChat } from "./openai-chat.ts";
import { eventStream, readAnswer } from "./test-answers.ts";

const path = "/v1/chat/completions";
const place = { method: "POST", path };
const usage = {
  prompt_tokens: 20,
  completion_tokens: 9,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 8 },
  completion_tokens_details: { reasoning_tokens: 4 },
};

function readJson(value: unknown): Answer {
  return readAnswer(openaiChat, path, { body: JSON.stringify(value) });
}

function readStream(chunks: readonly unknown[], sizes?: readonly number[], ending?: string): Answer {
  return readAnswer(openaiChat, path, { type: "text/event-stream", body: eventStream(chunks, { ending }), sizes });
}

/** A chunk with one choice's delta. */
function chunk(delta: unknown, { index = 0, finish = null }: { index?: number; finish?: string | null } = {}) {
  return {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    model: "gpt-5",
    choices: [{ index, delta, finish_reason: finish }],
  };
}

test("a completion tells its model, id, text, finish reason, usage and tier", () => {
  const message = { role: "assistant", content: "Hello there", refusal: null, annotations: [] };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
  expect(readJson({ id: "chatcmpl-1", model: "gpt-5", choices, usage, service_tier: "flex" })).toEqual({
    model: "gpt-5",
    responseId: "chatcmpl-1",
    output: { kind: "choices", choices: [{ index: 0, text: "Hello there", finish_reason: "stop" }] },
    usage: {
      input: 12,
      input_cached: 8,
      output: 5,
      output_reasoning: 4,
      total: 29,
      source: "provider",
      raw: usage,
      tier: "flex",
    },
  });
});

test("a stream's usage is found in a chunk without choices, in any chunk, under x_groq, and in a choice", () => {
  const streams = [
    [chunk({ content: "a" }), { ...chunk({}), choices: [], usage }],
    [{ ...chunk({ content: "a" }), usage: { ...usage, completion_tokens: 1 } }, { ...chunk({}), usage }, chunk({})],
    [chunk({ content: "a" }), { ...chunk({}), x_groq: { id: "r", usage } }],
    [chunk({ content: "a" }), { ...chunk({}), choices: [{ index: 0, delta: {}, finish_reason: "stop", usage }] }],
  ];
  for (const stream of streams) expect(readStream(stream).usage).toMatchObject({ total: 29, raw: usage });
});

test("a stream is complete once it said [DONE], or why every choice ended", () => {
  const begun = chunk({ content: "a" });
  const ended = chunk({}, { finish: "stop" });
  expect(readStream([begun]).complete).toBe(true);
  expect(readStream([begun], [], "").complete).toBe(false);
  expect(readStream([begun, ended], [], "").complete).toBe(true);
  expect(readStream([begun, chunk({}, { index: 1 }), ended], [], "").complete).toBe(false);
  expect(readJson({ choices: [{ message: { content: "a" } }] })).not.toHaveProperty("complete");
});

test("tool calls in fragments are put together by their index, custom tools too", () => {
  const answer = readStream([
    chunk({ role: "assistant", content: null }),
    chunk({ tool_calls: [{ index: 0, id: "call_a", type: "function", function: { name: "weather", arguments: "" } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
    chunk({ tool_calls: [{ index: 1, id: "call_b", type: "custom", custom: { name: "shell", input: "l" } }] }),
    chunk({
      tool_calls: [
        { index: 0, function: { arguments: '"Köln"}' } },
        { index: 1, custom: { input: "s" } },
      ],
    }),
    chunk({}, { finish: "tool_calls" }),
  ]);
  expect(answer.output).toEqual({
    kind: "choices",
    choices: [
      {
        index: 0,
        tool_calls: [
          { id: "call_a", name: "weather", arguments: '{"city":"Köln"}' },
          { id: "call_b", name: "shell", arguments: "ls" },
        ],
        finish_reason: "tool_calls",
      },
    ],
  });
});

test("parallel calls that share an index, or have none, are told apart by their ids", () => {
  const call = (id: string, index?: number) => ({ index, id, function: { name: id, arguments: "{}" } });
  for (const index of [0, undefined]) {
    const answer = readStream([chunk({ tool_calls: [call("a", index)] }), chunk({ tool_calls: [call("b", index)] })]);
    expect(answer.output).toMatchObject({ choices: [{ tool_calls: [{ id: "a" }, { id: "b" }] }] });
  }
});

test("calls without index and id begin where a name is told", () => {
  const calls = [{ function: { name: "a", arguments: "1" } }, { function: { name: "b", arguments: "2" } }];
  expect(readJson({ choices: [{ message: { tool_calls: calls } }] }).output).toMatchObject({
    choices: [
      {
        tool_calls: [
          { name: "a", arguments: "1" },
          { name: "b", arguments: "2" },
        ],
      },
    ],
  });
});

test("a legacy function call is a tool call, whole and streamed", () => {
  const expected = { choices: [{ index: 0, tool_calls: [{ name: "add", arguments: '{"a":1}' }] }] };
  const deltas = [{ name: "add", arguments: "" }, { arguments: '{"a"' }, { arguments: ":1}" }];
  expect(readStream(deltas.map((call) => chunk({ function_call: call }))).output).toMatchObject(expected);
  const message = { content: null, function_call: { name: "add", arguments: '{"a":1}' } };
  expect(readJson({ choices: [{ index: 0, message }] }).output).toMatchObject(expected);
});

test("legacy completions tell their text", () => {
  const read = readAnswer(openaiChat, "/v1/completions", {
    type: "text/event-stream",
    body: eventStream([
      { choices: [{ index: 0, text: "Hel" }] },
      { choices: [{ index: 0, text: "lo", finish_reason: "length" }] },
    ]),
  });
  expect(read.output).toEqual({ kind: "choices", choices: [{ index: 0, text: "Hello", finish_reason: "length" }] });
});

test("refusal and reasoning are apart from the text, under either name", () => {
  const answer = readStream([
    chunk({ reasoning_content: "Let me " }),
    chunk({ reasoning: "think", reasoning_content: "think" }),
    chunk({ refusal: "I " }),
    chunk({ refusal: "can't" }),
  ]);
  const choices = [{ index: 0, reasoning: "Let me think", refusal: "I can't" }];
  expect(answer.output).toEqual({ kind: "choices", choices });
  expect(readJson({ choices: [{ message: { content: "", reasoning: "Hm" } }] }).output).toMatchObject({
    choices: [{ reasoning: "Hm" }],
  });
});

test("a list of contents is read as text, thoughts and images", () => {
  const content = [
    { type: "thinking", thinking: [{ type: "text", text: "Hm" }] },
    { type: "text", text: "Here" },
    { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
  ];
  expect(readJson({ choices: [{ message: { content } }] }).output).toEqual({
    kind: "choices",
    choices: [{ index: 0, text: "Here", reasoning: "Hm", media: [{ type: "image/png", bytes: 3 }] }],
  });
});

test("audio is a reference, and its transcript the text, whole and streamed", () => {
  const expected = {
    kind: "choices",
    choices: [{ index: 0, text: "Hi you", media: [{ type: "audio", bytes: 6, id: "audio_1" }] }],
  };
  const deltas = [{ id: "audio_1", transcript: "Hi " }, { data: "AAAA" }, { data: "AAAA", transcript: "you" }];
  expect(readStream(deltas.map((audio) => chunk({ audio }))).output).toMatchObject(expected);
  const audio = { id: "audio_1", data: "AAAAAAAA", transcript: "Hi you", expires_at: 1 };
  expect(readJson({ choices: [{ index: 0, message: { content: null, audio } }] }).output).toMatchObject(expected);
});

test("sources are cited by the choice that names them, or by the first of all", () => {
  const annotation = { type: "url_citation", url_citation: { url: "https://example.com" } };
  expect(readStream([chunk({ annotations: [annotation] }), chunk({ content: "a" })]).output).toMatchObject({
    choices: [{ citations: [annotation] }],
  });
  const citations = ["https://example.com"];
  expect(
    readStream([
      { ...chunk({ content: "a" }), citations },
      { ...chunk({}), citations },
    ]).output,
  ).toMatchObject({
    choices: [{ citations }],
  });
});

test("OpenRouter's charge is stated beside the usage", () => {
  expect(readJson({ choices: [], usage: { ...usage, cost: 0.00014 } }).usage).toMatchObject({
    total: 29,
    stated_cost_usd: 0.00014,
  });
});

test("an error is told from a body, from a chunk, and from a choice", () => {
  const error = { message: "Rate limited", type: "rate_limit_error", param: null, code: 429 };
  const expected = { message: "Rate limited", type: "rate_limit_error", code: "429" };
  expect(readJson({ error })).toEqual({ error: expected });
  expect(readStream([chunk({ content: "par" }), { error }])).toMatchObject({
    error: expected,
    output: { choices: [{ text: "par" }] },
  });
  expect(readJson({ choices: [{ message: { content: "" }, error }] }).error).toEqual(expected);
  expect(readJson({ error: "model not found" }).error).toEqual({ message: "model not found" });
  expect(readJson({ object: "error", message: "bad", type: "BadRequestError", code: 400 }).error).toEqual({
    message: "bad",
    type: "BadRequestError",
    code: "400",
  });
});

test("a list of stored completions is JSON, and no generation", () => {
  const listed = { object: "list", data: [{ id: "chatcmpl-1" }] };
  expect(readJson(listed).output).toEqual({ kind: "json", value: listed });
  expect(openaiChat.kindOf({ method: "GET", path })).toBe("other");
  expect(openaiChat.kindOf({ method: "POST", path: `${path}/chatcmpl-1` })).toBe("other");
  expect(openaiChat.kindOf({ method: "POST", path: "/v1/completions" })).toBe("generation");
});

/** What a model says, and how it is cut into deltas. */
const word = fc.constantFrom("Hällo ", "", "€", "𝄞 ", '{"', "\\n", "data: ", "\n\n");
const answers = fc.array(
  fc.record({
    text: fc.array(word, { maxLength: 5 }),
    reasoning: fc.array(word, { maxLength: 3 }),
    refusal: fc.array(word, { maxLength: 2 }),
    calls: fc.array(fc.array(word, { maxLength: 4 }), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
);

test("the same content reads the same, whole or streamed, however the stream is split", () => {
  fc.assert(
    fc.property(answers, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }), (said, sizes) => {
      const choices = said.map(({ text, reasoning, refusal, calls }, index) => ({
        index,
        message: {
          content: text.join(""),
          reasoning_content: reasoning.join(""),
          refusal: refusal.join(""),
          tool_calls: calls.map((pieces, n) => ({
            id: `${index}-${n}`,
            function: { name: `f${n}`, arguments: pieces.join("") },
          })),
        },
        finish_reason: "stop",
      }));
      // The deltas of all choices interleave.
      const deltas = said.map(({ text, reasoning, refusal, calls }, index) => [
        ...reasoning.map((piece) => chunk({ reasoning_content: piece }, { index })),
        ...text.map((piece) => chunk({ content: piece }, { index })),
        ...refusal.map((piece) => chunk({ refusal: piece }, { index })),
        ...calls.map((_, n) =>
          chunk({ tool_calls: [{ index: n, id: `${index}-${n}`, function: { name: `f${n}` } }] }, { index }),
        ),
        ...calls.flatMap((pieces, n) =>
          pieces.map((piece) => chunk({ tool_calls: [{ index: n, function: { arguments: piece } }] }, { index })),
        ),
        chunk({}, { index, finish: "stop" }),
      ]);
      const longest = Math.max(...deltas.map((of) => of.length));
      const stream = Array.from({ length: longest }, (_, n) => deltas.flatMap((of) => of[n] ?? [])).flat();
      const whole = readJson({ id: "chatcmpl-1", model: "gpt-5", choices, usage });
      const { complete, ...streamed } = readStream([...stream, { ...chunk({}), choices: [], usage }], sizes);
      expect(complete).toBe(true);
      expect(streamed).toEqual(whole);
    }),
    { numRuns: 60 },
  );
});

test("a stream of single bytes with CRLF and no space after the colon reads the same", () => {
  const chunks = [chunk({ content: "Grüß " }), chunk({ content: "dich €𝄞" }), { ...chunk({}), choices: [], usage }];
  const body = eventStream(chunks).replaceAll("data: ", "data:").replaceAll("\n", "\r\n");
  const streamed = readAnswer(openaiChat, path, { type: "text/event-stream", body, sizes: [1] });
  expect(streamed).toEqual(readStream(chunks));
  expect(streamed.output).toMatchObject({ choices: [{ text: "Grüß dich €𝄞" }] });
});

test("anything at all is read without failing", () => {
  fc.assert(
    fc.property(fc.anything(), fc.array(fc.anything(), { maxLength: 4 }), (value, events) => {
      const builder = openaiChat.createAnswer(place);
      builder.whole(value);
      for (const event of events) builder.event(undefined, event);
      builder.whole({ choices: events, usage: value, error: value });
      builder.event("x", {
        choices: [{ delta: value }, { message: { content: events, tool_calls: events, audio: value } }],
      });
      builder.answer();
      openaiChat.readRequest(value, place);
      openaiChat.readRequest({ messages: events, input: value }, place);
    }),
  );
});

test("a request is split into what the model is given and the rest", () => {
  const messages = [{ role: "user", content: "Hi" }];
  const facts = openaiChat.readRequest(
    { model: "gpt-5", messages, tools: [], temperature: 0.2, stream: true, user: "u1", metadata: { a: 1 } },
    place,
  );
  expect(facts).toEqual({
    model: "gpt-5",
    input: { messages, tools: [] },
    parameters: { temperature: 0.2, stream: true, user: "u1", metadata: { a: 1 } },
    user: "u1",
  });
});

test("images, audio and files in messages are modalities, each told once", () => {
  const content = [
    { type: "text", text: "Look" },
    { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
    { type: "image_url", image_url: { url: "https://example.com/a.png" } },
    { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
    { type: "file", file: { file_id: "file-1" } },
  ];
  const facts = openaiChat.readRequest({ messages: [null, { content: [null, ...content] }] }, place);
  expect(facts.modalities).toEqual(["vision", "audio", "document"]);
});

test("at Azure the deployment in the path is the model where the body has none", () => {
  const azure = { method: "POST", path: "/openai/deployments/my%20gpt/chat/completions" };
  expect(openaiChat.readRequest({ messages: [] }, azure).model).toBe("my gpt");
  expect(openaiChat.readRequest({ model: "gpt-5", messages: [] }, azure).model).toBe("gpt-5");
});
