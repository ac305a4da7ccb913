import { expect, test } from "bun:test";
import type { Answer } from "./dialect.ts";
import { geminiInteractions } from "./gemini-interactions.ts";

const place = { method: "POST", path: "/v1beta/interactions" };

function readWhole(value: unknown): Answer {
  const builder = geminiInteractions.createAnswer(place);
  builder.whole(value);
  return builder.answer();
}

function readEvents(events: readonly { readonly event_type: string; readonly [member: string]: unknown }[]): Answer {
  const builder = geminiInteractions.createAnswer(place);
  for (const event of events) builder.event(event.event_type, event);
  return builder.answer();
}

const usage = {
  total_input_tokens: 100,
  input_tokens_by_modality: [
    { modality: "text", tokens: 60 },
    { modality: "image", tokens: 40 },
  ],
  total_cached_tokens: 10,
  total_tool_use_tokens: 5,
  total_output_tokens: 20,
  total_thought_tokens: 30,
  total_tokens: 155,
};

const annotations = [{ start_index: 0, end_index: 4, source: "https://example.com" }];
const found = [{ search_suggestions: "rain" }];
const head = { id: "v1_1", object: "interaction", model: "models/gemini-3.5-flash" };

const whole = {
  ...head,
  status: "completed",
  service_tier: "flex",
  steps: [
    { type: "user_input", content: [{ type: "text", text: "Will it rain?" }] },
    { type: "thought", signature: "c2ln", summary: [{ type: "text", text: "Let me think." }] },
    { type: "google_search_call", id: "s1", arguments: { queries: ["rain"] } },
    { type: "google_search_result", call_id: "s1", result: found },
    {
      type: "model_output",
      content: [
        { type: "text", text: "It will rain.", annotations },
        { type: "image", mime_type: "image/png", data: "aGVsbG8=" },
      ],
    },
    { type: "function_call", id: "f1", name: "umbrella", arguments: { open: true } },
  ],
  usage,
};

const start = (index: number, step: unknown) => ({ event_type: "step.start", index, step });
const delta = (index: number, change: unknown) => ({ event_type: "step.delta", index, delta: change });
const stop = (index: number) => ({ event_type: "step.stop", index });

const stream = [
  { event_type: "interaction.created", interaction: { ...head, status: "in_progress" } },
  { event_type: "interaction.status_update", interaction_id: "v1_1", status: "in_progress" },
  start(0, { type: "thought" }),
  delta(0, { type: "thought_summary", content: { type: "text", text: "Let me " } }),
  delta(0, { type: "thought_summary", content: { type: "text", text: "think." } }),
  delta(0, { type: "thought_signature", signature: "c2ln" }),
  stop(0),
  start(1, { type: "google_search_call", id: "s1" }),
  delta(1, { type: "google_search_call", arguments: { queries: ["rain"] } }),
  stop(1),
  start(2, { type: "google_search_result", call_id: "s1" }),
  delta(2, { type: "google_search_result", result: found }),
  stop(2),
  start(3, { type: "model_output" }),
  delta(3, { type: "text", text: "It will " }),
  delta(3, { type: "text", text: "rain." }),
  delta(3, { type: "text_annotation_delta", annotations }),
  delta(3, { type: "image", mime_type: "image/png", data: "aGVsbG8=" }),
  stop(3),
  start(4, { type: "function_call", id: "f1", name: "umbrella", arguments: {} }),
  delta(4, { type: "arguments_delta", arguments: '{"open":' }),
  delta(4, { type: "arguments_delta", arguments: "true}" }),
  stop(4),
  {
    event_type: "interaction.completed",
    interaction: { ...head, status: "completed", service_tier: "flex", usage },
  },
];

test("a whole interaction is read step by step, its usage in buckets that don't overlap", () => {
  expect(readWhole(whole)).toEqual({
    model: "gemini-3.5-flash",
    responseId: "v1_1",
    output: {
      kind: "choices",
      choices: [
        {
          index: 0,
          text: "It will rain.",
          reasoning: "Let me think.",
          tool_calls: [
            {
              id: "s1",
              name: "google_search",
              server: "google_search",
              arguments: { queries: ["rain"] },
              result: found,
            },
            { id: "f1", name: "umbrella", arguments: { open: true } },
          ],
          media: [{ type: "image/png", bytes: 5 }],
          citations: annotations,
          finish_reason: "completed",
        },
      ],
    },
    usage: {
      source: "provider",
      input: 55,
      input_cached: 10,
      input_image: 40,
      output: 20,
      output_reasoning: 30,
      requests: 1,
      total: 155,
      tier: "flex",
      raw: usage,
    },
  });
});

test("searches are counted as the usage says, else by their queries, and once for an older model", () => {
  const search = (...queries: readonly string[]) => ({ type: "google_search_call", arguments: { queries } });
  const steps = [search("rain", "rain in May"), search("rain", " "), { type: "url_context_call" }];
  const told = [
    { type: "google_search", count: 4 },
    { type: "google_maps", count: 9 },
  ];
  const read = (more: object) => readWhole({ ...head, steps, usage, ...more }).usage?.requests;
  expect(read({})).toBe(2);
  expect(read({ usage: { ...usage, grounding_tool_count: told } })).toBe(4);
  expect(read({ model: "gemini-2.5-pro" })).toBe(1);
  expect(read({ model: "gemini-2.5-pro", usage: { ...usage, grounding_tool_count: told } })).toBe(1);
  expect(read({ steps: [{ type: "url_context_call" }] })).toBeUndefined();
});

test("a stream of the same content is the same answer, and complete", () => {
  expect(readEvents(stream)).toEqual({ ...readWhole(whole), complete: true });
});

test("a stream that was cut has what came and is not complete", () => {
  const cut = readEvents(stream.slice(0, 15));
  expect(cut.complete).toBe(false);
  expect(cut.output).toMatchObject({ choices: [{ text: "It will ", reasoning: "Let me think." }] });
});

test("the older form without steps is read, whole and as a stream", () => {
  const old = { ...head, status: "completed", usage, outputs: [{ type: "text", text: "Hello", annotations }] };
  const streamed = readEvents([
    { event_type: "interaction.start", interaction: { ...head, status: "in_progress" } },
    { event_type: "content.start", index: 0, content: { type: "text" } },
    { event_type: "content.delta", index: 0, delta: { type: "text", text: "Hel" } },
    { event_type: "content.delta", index: 0, delta: { type: "text", text: "lo" } },
    { event_type: "content.delta", index: 0, delta: { type: "text_annotation_delta", annotations } },
    { event_type: "content.stop", index: 0 },
    { event_type: "interaction.complete", interaction: { ...head, status: "completed", usage } },
  ]);
  expect(readWhole(old).output).toEqual({
    kind: "choices",
    choices: [{ index: 0, text: "Hello", citations: annotations, finish_reason: "completed" }],
  });
  expect(streamed).toEqual({ ...readWhole(old), complete: true });
});

test("an error is read, whole, in a stream and inside a failed interaction", () => {
  const error = { message: "No", code: "bad_request" };
  expect(readWhole({ error: { code: "bad_request", message: "No" } })).toEqual({ error });
  const events = readEvents([
    ...stream.slice(0, 3),
    { event_type: "error", error: { code: "bad_request", message: "No" } },
  ]);
  expect(events).toMatchObject({ error, complete: false });
  expect(readWhole({ ...head, status: "failed", errors: [{ code: "bad_request", message: "No" }] }).error).toEqual(
    error,
  );
});

test("only creating one is a generation", () => {
  const kindOf = (method: string, path: string) => geminiInteractions.kindOf({ method, path });
  expect(kindOf("POST", "/v1beta/interactions")).toBe("generation");
  expect(kindOf("GET", "/v1beta/interactions/v1_1")).toBe("other");
  expect(kindOf("POST", "/v1beta/interactions/v1_1/cancel")).toBe("other");
});

test("a request's input, instruction and tools are its input, the rest its parameters", () => {
  const input = [
    {
      type: "user_input",
      content: [
        { type: "text", text: "Look" },
        { type: "image", uri: "x" },
      ],
    },
  ];
  const request = { model: "gemini-3.5-flash", input, system_instruction: "Be kind", tools: [], stream: true };
  expect(geminiInteractions.readRequest(request, place)).toEqual({
    model: "gemini-3.5-flash",
    input: { input, system_instruction: "Be kind", tools: [] },
    parameters: { stream: true },
    modalities: ["vision"],
  });
  expect(geminiInteractions.readRequest({ agent: "deep-research", input: "Why?" }, place)).toEqual({
    model: "deep-research",
    input: { input: "Why?" },
    parameters: { agent: "deep-research" },
  });
});

test("nothing makes it throw", () => {
  for (const value of [null, 1, "x", [], {}, { steps: [null, { type: 1, content: 1 }] }, { errors: [1] }]) {
    expect(() => readWhole(value)).not.toThrow();
    for (const event_type of ["interaction.created", "step.start", "step.delta", "error", "interaction.completed"])
      expect(() =>
        readEvents([{ event_type, index: value, step: value, delta: value, interaction: value, error: value }]),
      ).not.toThrow();
    expect(() => geminiInteractions.readRequest(value, place)).not.toThrow();
  }
});
