import { expect, test } from "bun:test";
import fc from "fast-check";
import { openaiResponses } from "./openai-responses.ts";
import { eventStream, readAnswer } from "./test-answers.ts";

const path = "/v1/responses";
const place = { method: "POST", path };
const usage = {
  input_tokens: 20,
  input_tokens_details: { cached_tokens: 8 },
  output_tokens: 9,
  output_tokens_details: { reasoning_tokens: 4 },
  total_tokens: 29,
};
const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  status: "completed",
  content: [
    { type: "output_text", text: "Hello there", annotations: [{ type: "url_citation", url: "https://example.com" }] },
  ],
};
const call = { id: "fc_1", type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Köln"}' };
const reasoning = { id: "rs_1", type: "reasoning", summary: [{ type: "summary_text", text: "Let me think" }] };
const response = {
  id: "resp_1",
  object: "response",
  status: "completed",
  error: null,
  incomplete_details: null,
  model: "gpt-5-2025-08-07",
  output: [reasoning, message, call],
  service_tier: "priority",
  usage,
};

const readJson = (value: unknown) => readAnswer(openaiResponses, path, { body: JSON.stringify(value) });

function readStream(
  events: readonly unknown[],
  { sizes, type = "text/event-stream" }: { sizes?: readonly number[]; type?: string } = {},
) {
  const lines = events.map((event) => JSON.stringify(event)).join("\n");
  const body = type === "text/event-stream" ? eventStream(events, { named: true, ending: "" }) : lines;
  return readAnswer(openaiResponses, path, { type, body, sizes });
}

/** The events of a response as they are streamed. */
const stream = [
  { type: "response.created", response: { ...response, status: "in_progress", output: [], usage: null } },
  { type: "response.output_item.added", output_index: 0, item: { ...reasoning, summary: [] } },
  { type: "response.reasoning_summary_text.delta", output_index: 0, summary_index: 0, delta: "Let me " },
  { type: "response.reasoning_summary_text.delta", output_index: 0, summary_index: 0, delta: "think" },
  { type: "response.output_item.done", output_index: 0, item: reasoning },
  { type: "response.output_item.added", output_index: 1, item: { ...message, content: [] } },
  { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "Hello " },
  { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "there" },
  { type: "response.output_item.done", output_index: 1, item: message },
  { type: "response.output_item.added", output_index: 2, item: { ...call, arguments: "" } },
  { type: "response.function_call_arguments.delta", output_index: 2, delta: '{"city":' },
  { type: "response.function_call_arguments.delta", output_index: 2, delta: '"Köln"}' },
  { type: "response.output_item.done", output_index: 2, item: call },
  { type: "response.completed", response },
] as const;

test("a response tells its text, reasoning, calls, sources, usage and tier", () => {
  expect(readJson(response)).toEqual({
    model: "gpt-5-2025-08-07",
    responseId: "resp_1",
    output: {
      kind: "choices",
      choices: [
        {
          index: 0,
          text: "Hello there",
          reasoning: "Let me think",
          tool_calls: [{ id: "call_1", name: "weather", arguments: '{"city":"Köln"}' }],
          citations: [{ type: "url_citation", url: "https://example.com" }],
          finish_reason: "completed",
        },
      ],
    },
    usage: {
      input: 12,
      input_cached: 8,
      output: 5,
      output_reasoning: 4,
      total: 29,
      source: "provider",
      raw: usage,
      tier: "priority",
    },
  });
});

test("the same response reads the same, whole, streamed, or over a WebSocket, however it is split", () => {
  const whole = { ...readJson(response), complete: true };
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 4 }), (sizes) => {
      expect(readStream(stream, { sizes })).toEqual(whole);
      expect(readStream(stream, { sizes, type: "application/x-ndjson" })).toEqual(whole);
    }),
    { numRuns: 20 },
  );
});

test("the finished items count where the last event doesn't repeat them", () => {
  const last = { type: "response.completed", response: { ...response, output: [] } };
  expect(readStream([...stream.slice(0, -1), last])).toEqual({ ...readJson(response), complete: true });
});

test("a stream that was cut tells what its deltas said, and no end", () => {
  const cut = [...stream.slice(0, 3), ...stream.slice(5, 7), ...stream.slice(9, 11)];
  const answer = readStream(cut);
  expect(answer.output).toEqual({
    kind: "choices",
    choices: [
      {
        index: 0,
        text: "Hello ",
        reasoning: "Let me ",
        tool_calls: [{ id: "call_1", name: "weather", arguments: '{"city":' }],
      },
    ],
  });
  expect(answer).not.toHaveProperty("usage");
  expect(answer.complete).toBe(false);
  expect(answer.model).toBe("gpt-5-2025-08-07");
});

test("a failed response tells its error, whole and streamed", () => {
  const failed = {
    ...response,
    status: "failed",
    output: [],
    usage: null,
    error: { code: "server_error", message: "Sorry" },
  };
  const error = { code: "server_error", message: "Sorry" };
  expect(readJson(failed)).toMatchObject({ error, output: { choices: [{ finish_reason: "failed" }] } });
  expect(readStream([stream[0], { type: "response.failed", response: failed }])).toEqual({
    ...readJson(failed),
    complete: true,
  });
});

test("an error event is told in its flat and its nested form", () => {
  expect(
    readStream([{ type: "error", code: "rate_limit_exceeded", message: "Slow down", param: null }]).error,
  ).toMatchObject({
    code: "rate_limit_exceeded",
    message: "Slow down",
  });
  const nested = { type: "error", status: 400, error: { type: "invalid_request_error", code: "bad", message: "No" } };
  expect(readStream([nested], { type: "application/x-ndjson" }).error).toEqual({
    type: "invalid_request_error",
    code: "bad",
    message: "No",
  });
});

test("an incomplete response tells why", () => {
  const incomplete = { ...response, status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
  expect(readJson(incomplete).output).toMatchObject({
    choices: [{ text: "Hello there", finish_reason: "max_output_tokens" }],
  });
});

test("a background response has no usage yet", () => {
  const queued = { ...response, status: "queued", output: [], usage: null };
  const answer = readJson(queued);
  expect(answer.output).toEqual({ kind: "choices", choices: [{ index: 0, finish_reason: "queued" }] });
  expect(answer).not.toHaveProperty("usage");
});

test("tools that the provider ran say which, and searches are counted for the bill", () => {
  const output = [
    { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "weather" } },
    { type: "web_search_call", id: "ws_2", action: { type: "open_page", url: "https://example.com" } },
    { type: "file_search_call", id: "fs_1", queries: ["weather"], results: null },
    { type: "code_interpreter_call", id: "ci_1", code: "1+1", container_id: "c" },
    { type: "mcp_call", id: "mcp_1", name: "lookup", server_label: "docs", arguments: "{}" },
    { type: "custom_tool_call", call_id: "call_2", name: "shell", input: "ls" },
    { type: "mcp_list_tools", id: "l_1", tools: [] },
  ];
  const answer = readJson({ ...response, output });
  expect(answer.usage?.requests).toBe(1);
  expect(answer.output).toMatchObject({
    choices: [
      {
        tool_calls: [
          { id: "ws_1", name: "web_search", arguments: { type: "search", query: "weather" }, server: "web_search" },
          { id: "ws_2", name: "web_search", server: "web_search" },
          { id: "fs_1", name: "file_search", arguments: ["weather"], server: "file_search" },
          { id: "ci_1", name: "code_interpreter", arguments: "1+1", server: "code_interpreter" },
          { id: "mcp_1", name: "lookup", arguments: "{}", server: "mcp" },
          { id: "call_2", name: "shell", arguments: "ls" },
        ],
      },
    ],
  });
});

test("an image that was made is a reference, never its bytes", () => {
  const image = {
    type: "image_generation_call",
    id: "ig_1",
    status: "completed",
    output_format: "webp",
    result: "AAAAAA==",
  };
  const answer = readJson({ ...response, output: [image] });
  expect(answer.output).toMatchObject({ choices: [{ media: [{ type: "image/webp", bytes: 4, id: "ig_1" }] }] });
  expect(JSON.stringify(answer.output)).not.toContain("AAAAAA==");
});

test("a compaction is a generation with usage, a count of input is neither", () => {
  const compacted = {
    id: "resp_2",
    object: "response.compaction",
    output: [{ type: "compaction", encrypted_content: "x" }],
    usage,
  };
  expect(readAnswer(openaiResponses, `${path}/compact`, { body: JSON.stringify(compacted) }).usage?.total).toBe(29);
  expect(openaiResponses.kindOf({ method: "POST", path: `${path}/compact` })).toBe("generation");

  const counted = { object: "response.input_tokens", input_tokens: 11 };
  const answer = readAnswer(openaiResponses, `${path}/input_tokens`, { body: JSON.stringify(counted) });
  expect(answer).toEqual({ output: { kind: "json", value: counted } });
  expect(openaiResponses.kindOf({ method: "POST", path: `${path}/input_tokens` })).toBe("other");
});

test("creating a response is a generation, over a WebSocket too; looking at one isn't", () => {
  expect(openaiResponses.kindOf(place)).toBe("generation");
  expect(openaiResponses.kindOf({ method: "GET", path })).toBe("generation");
  expect(openaiResponses.kindOf({ method: "GET", path: `${path}/resp_1` })).toBe("other");
  expect(openaiResponses.kindOf({ method: "POST", path: `${path}/resp_1/cancel` })).toBe("other");
});

test("a realtime response by voice tells its transcript and its usage by kind", () => {
  const done = {
    id: "resp_3",
    status: "completed",
    output: [{ type: "message", content: [{ type: "output_audio", transcript: "Hi" }] }],
    usage: {
      total_tokens: 30,
      input_tokens: 20,
      output_tokens: 10,
      input_token_details: { audio_tokens: 15 },
      output_token_details: { audio_tokens: 8 },
    },
  };
  const events = [
    { type: "session.created", session: { model: "gpt-realtime" } },
    { type: "response.done", response: done },
  ];
  expect(readStream(events, { type: "application/x-ndjson" })).toMatchObject({
    model: "gpt-realtime",
    output: { choices: [{ text: "Hi", finish_reason: "completed" }] },
    usage: { input: 5, input_audio: 15, output: 2, output_audio: 8, total: 30 },
    complete: true,
  });
});

test("a transcription of what was said tells its text and its usage, in LLM tokens or seconds", () => {
  const read = (told: object) =>
    readStream(
      [{ type: "conversation.item.input_audio_transcription.completed", item_id: "i", transcript: "Hi", usage: told }],
      { type: "application/x-ndjson" },
    );
  const tokens = { total_tokens: 22, input_tokens: 13, input_token_details: { audio_tokens: 13 }, output_tokens: 9 };
  expect(read({ type: "tokens", ...tokens })).toMatchObject({
    output: { choices: [{ text: "Hi" }] },
    usage: { input_audio: 13, output: 9, total: 22, source: "provider" },
    complete: true,
  });
  expect(read({ type: "duration", seconds: 4 })).toMatchObject({
    output: { choices: [{ text: "Hi" }] },
    usage: { total: 0, source: "provider", raw: { seconds: 4 } },
    complete: true,
  });
});

test("a request is read the same from a body and from an event", () => {
  const body = {
    model: "gpt-5",
    instructions: "Be kind",
    input: "Hi",
    tools: [],
    stream: true,
    conversation: { id: "conv_1" },
    safety_identifier: "u1",
  };
  const facts = openaiResponses.readRequest(body, place);
  expect(facts).toEqual({
    model: "gpt-5",
    input: { instructions: "Be kind", input: "Hi", tools: [] },
    parameters: { stream: true, conversation: { id: "conv_1" }, safety_identifier: "u1" },
    user: "u1",
    session: "conv_1",
  });
  expect(openaiResponses.readRequest({ type: "response.create", ...body }, place)).toEqual(facts);
  expect(
    openaiResponses.readRequest([{ type: "session.update" }, { type: "response.create", response: body }], place),
  ).toEqual(facts);
});

test("images and files are modalities, also where a tool answered with them", () => {
  const input = [
    { role: "user", content: [{ type: "input_file", file_id: "f" }] },
    { type: "function_call_output", output: [{ type: "input_image", image_url: "https://example.com/a.png" }] },
  ];
  expect(openaiResponses.readRequest({ input }, place).modalities).toEqual(["document", "vision"]);
});

test("anything at all is read without failing", () => {
  const type = fc.constantFrom(...stream.map((event) => event.type), "error", "constructor");
  fc.assert(
    fc.property(fc.anything(), fc.array(fc.tuple(type, fc.anything()), { maxLength: 5 }), (value, events) => {
      const builder = openaiResponses.createAnswer(place);
      builder.event(undefined, value);
      for (const [name, part] of events) {
        builder.event(name, {
          output_index: part,
          delta: part,
          item: { type: "message", content: part },
          response: { output: part, error: part },
        });
        builder.event(name, {
          item: { type: "reasoning", summary: [part] },
          response: { output: [part], usage: part },
        });
      }
      builder.answer();
      const whole = openaiResponses.createAnswer(place);
      whole.whole(value);
      whole.answer();
      openaiResponses.readRequest(value, place);
    }),
  );
});
