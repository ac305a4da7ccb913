import { expect, test } from "bun:test";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { openAnswer } from "./answer-reader.ts";
import type { Answer, Dialect } from "./dialect.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiResponses } from "./openai-responses.ts";
import { eventStream, readAnswer, split } from "./test-answers.ts";

const place = { method: "POST", path: "/v1/chat/completions" };
const usage = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 };
const completion = {
  id: "c1",
  model: "gpt-5",
  choices: [{ index: 0, message: { content: "Hällo" }, finish_reason: "stop" }],
  usage,
};
const json = JSON.stringify(completion);
const chunks = [
  { id: "c1", model: "gpt-5", choices: [{ index: 0, delta: { content: "Häl" } }] },
  { id: "c1", model: "gpt-5", choices: [{ index: 0, delta: { content: "lo" }, finish_reason: "stop" }] },
  { id: "c1", model: "gpt-5", choices: [], usage },
];
const stream = eventStream(chunks);
const expected = {
  model: "gpt-5",
  responseId: "c1",
  output: { kind: "choices", choices: [{ index: 0, text: "Hällo", finish_reason: "stop" }] },
  usage: { input: 20, output: 9, total: 29, source: "provider", raw: usage },
} as const;

const bytes = (text: string) => new TextEncoder().encode(text);

/** Reads a body of which only the first and the last bytes were kept. */
function readEnds(dialect: Dialect, type: string, body: string, kept: number, encoding?: string): Answer {
  const reader = openAnswer(dialect, place, { contentType: type, contentEncoding: encoding });
  const all = bytes(body);
  reader.push(all.subarray(0, kept));
  reader.skip(all.length - 2 * kept);
  reader.push(all.subarray(all.length - kept));
  return reader.end();
}

/** What a dialect is given, told back as it came. */
function createEcho(family: Dialect["family"]) {
  const told: unknown[] = [];
  const dialect: Dialect = {
    ...openaiChat,
    family,
    createAnswer: () => ({
      whole: (value) => told.push({ whole: value }),
      event: (name, data) => told.push(name === undefined ? { data } : { name, data }),
      answer: () => ({}),
    }),
  };
  return { dialect, told };
}

test("a body is read by its content type", () => {
  expect(readAnswer(openaiChat, place.path, { body: json })).toEqual(expected);
  expect(readAnswer(openaiChat, place.path, { type: "Text/Event-Stream; charset=utf-8", body: stream })).toEqual({
    ...expected,
    complete: true,
  });
  const lines = chunks.map((chunk) => JSON.stringify(chunk)).join("\n");
  expect(readAnswer(openaiChat, place.path, { type: "application/x-ndjson", body: lines })).toEqual({
    ...expected,
    complete: true,
  });
});

test("a body is read by how it begins where its type lies or is missing", () => {
  for (const type of ["text/event-stream", "text/plain", "text/html", ""]) {
    expect(readAnswer(openaiChat, place.path, { type, body: ` \r\n${json}` })).toEqual(expected);
  }
  for (const type of ["application/json", ""]) {
    expect(readAnswer(openaiChat, place.path, { type, body: stream })).toMatchObject(expected);
    expect(readAnswer(openaiChat, place.path, { type, body: `: waiting\n\n${stream}` })).toMatchObject(expected);
  }
});

test("it makes no difference where the bytes are split", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 4 }), (sizes) => {
      expect(readAnswer(openaiChat, place.path, { body: `\ufeff ${json}`, sizes })).toEqual(expected);
      expect(
        readAnswer(openaiChat, place.path, { type: "text/event-stream", body: `\ufeff${stream}`, sizes }),
      ).toMatchObject(expected);
    }),
  );
});

test("an encoded body is decoded, however it is split", () => {
  const encodings = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync };
  for (const [contentEncoding, encode] of Object.entries(encodings)) {
    const reader = openAnswer(openaiChat, place, { contentType: "text/event-stream", contentEncoding });
    for (const piece of split(encode(stream), [3, 1])) reader.push(piece);
    expect(reader.end()).toEqual({ ...expected, complete: true });
  }
});

test("of an encoded body that was cut the beginning is read", () => {
  const encoded = gzipSync(stream + stream);
  const reader = openAnswer(openaiChat, place, { contentType: "text/event-stream", contentEncoding: "gzip" });
  reader.push(encoded.subarray(0, encoded.length - 20));
  reader.skip(20);
  reader.push(encoded.subarray(0, 5));
  expect(reader.end()).toMatchObject({ model: "gpt-5", usage: { total: 29 } });
});

test("a body whose encoding nobody knows is binary", () => {
  const reader = openAnswer(openaiChat, place, { contentType: "application/json", contentEncoding: "secret" });
  reader.push(bytes(json));
  reader.skip(10);
  const output = { kind: "binary", type: "application/json", bytes: bytes(json).length + 10 } as const;
  expect(reader.end()).toEqual({ output });
});

test("a stream of JSON as one array is read by element for Gemini alone", () => {
  const body = '[{"a":1},\r\n{"b":"],"}\n]';
  const gemini = createEcho("gemini");
  readAnswer(gemini.dialect, "/v1beta/models/m:streamGenerateContent", { body, sizes: [1] });
  expect(gemini.told).toEqual([{ data: { a: 1 } }, { data: { b: "]," } }]);
  const openai = createEcho("openai");
  readAnswer(openai.dialect, place.path, { body });
  expect(openai.told).toEqual([{ whole: [{ a: 1 }, { b: "]," }] }]);
});

test("of an array with a gap the usage at its end is told", () => {
  const chunk = { choices: [{ index: 0, delta: { content: "x".repeat(50) } }] };
  const body = JSON.stringify([...Array.from({ length: 50 }, () => chunk), { ...chunk, usage, model: "gpt-5" }]);
  const answer = readEnds({ ...openaiChat, family: "gemini" }, "application/json", body, 400);
  expect(answer).toMatchObject({ model: "gpt-5", usage: { total: 29 } });
});

test("events are given by name, what is no JSON as text", () => {
  const { dialect, told } = createEcho("openai");
  readAnswer(dialect, place.path, {
    type: "text/event-stream",
    body: 'event: ping\ndata: {"a":1}\n\ndata: [DONE]\n\ndata: not json\n\n',
  });
  expect(told).toEqual([{ name: "ping", data: { a: 1 } }, { data: "[DONE]" }, { data: "not json" }]);
});

test("JSON that was cut tells what came before the cut", () => {
  const answer = readAnswer(openaiChat, place.path, { body: json.slice(0, json.indexOf("llo") + 2) });
  expect(answer).toEqual({
    model: "gpt-5",
    responseId: "c1",
    output: { kind: "choices", choices: [{ index: 0, text: "Häll" }] },
  });
});

test("model, id and usage survive a JSON body of any size, and the beginning of its text", () => {
  const large = {
    ...completion,
    choices: [{ index: 0, message: { content: "ä".repeat(100_000) }, finish_reason: "stop" }],
  };
  const answer = readEnds(openaiChat, "application/json", JSON.stringify(large), 1_001);
  expect(answer).toMatchObject({ model: "gpt-5", responseId: "c1", usage: { total: 29 } });
  const text = answer.output?.kind === "choices" ? answer.output.choices[0]?.text : undefined;
  expect(text).toMatch(/^ä{400,500}$/);
});

test("model, id and usage survive a stream of any size", () => {
  const middle = Array.from({ length: 1_000 }, () => ({
    ...chunks[0],
    choices: [{ index: 0, delta: { content: "x" } }],
  }));
  const answer = readEnds(
    openaiChat,
    "text/event-stream",
    eventStream([chunks[0], ...middle, ...chunks.slice(1)]),
    500,
  );
  expect(answer).toMatchObject({ model: "gpt-5", responseId: "c1", usage: { total: 29 }, complete: true });
});

test("the usage survives where the gap is in the very event that tells it", () => {
  const response = {
    id: "r1",
    model: "gpt-5",
    status: "completed",
    output: [{ type: "message", content: [{ text: "x".repeat(9_000) }] }],
    usage,
  };
  const events = [
    { type: "response.created", response: { id: "r1", model: "gpt-5", usage: null } },
    { type: "response.completed", response },
  ];
  for (const type of ["text/event-stream", "application/x-ndjson"]) {
    const body =
      type === "text/event-stream"
        ? eventStream(events, { ending: "" })
        : events.map((event) => JSON.stringify(event)).join("\n");
    const answer = readEnds(openaiResponses, type, body, 600);
    expect(answer).toMatchObject({ model: "gpt-5", responseId: "r1", usage: { total: 29 } });
    expect(answer).not.toHaveProperty("complete");
  }
});

test("whether a stream was whole is told by its last event, and not at all where that wasn't kept", () => {
  const middle = Array.from({ length: 1_000 }, () => chunks[0]);
  const unended = eventStream([...middle, chunks[0]], { ending: "" });
  expect(readEnds(openaiChat, "text/event-stream", unended, 500).complete).toBe(false);

  const reader = openAnswer(openaiChat, place, { contentType: "text/event-stream" });
  reader.push(bytes(unended));
  reader.skip(1_000);
  expect(reader.end()).not.toHaveProperty("complete");

  const encoded = openAnswer(openaiChat, place, { contentType: "text/event-stream", contentEncoding: "gzip" });
  encoded.push(gzipSync(unended).subarray(0, 100));
  encoded.skip(1_000);
  expect(encoded.end()).not.toHaveProperty("complete");
});

test("a page in HTML is text, and long text is cut", () => {
  const page = "<html><body>502 Bad Gateway</body></html>";
  for (const type of ["text/html", "application/json", ""]) {
    expect(readAnswer(openaiChat, place.path, { type, body: page })).toEqual({ output: { kind: "text", text: page } });
  }
  const { output } = readAnswer(openaiChat, place.path, {
    type: "text/plain",
    body: "ab ".repeat(200_000),
    sizes: [65_536],
  });
  expect(output).toEqual({ kind: "text", text: "ab ".repeat(200_000).slice(0, 262_144) });
});

test("binary bodies are measured, those that weren't kept too", () => {
  const reader = openAnswer(openaiChat, place, { contentType: "image/png" });
  reader.push(new Uint8Array([0, 0, 32]));
  reader.skip(1_000);
  reader.push(new Uint8Array(7));
  expect(reader.end()).toEqual({ output: { kind: "binary", type: "image/png", bytes: 1_010 } });
});

test("a body of no bytes tells nothing", () => {
  for (const contentType of ["application/json", "text/event-stream", "text/plain", undefined]) {
    for (const contentEncoding of [undefined, "gzip"]) {
      const reader = openAnswer(openaiChat, place, { contentType, contentEncoding });
      reader.push(new Uint8Array());
      expect(reader.end()).toEqual({});
    }
  }
});

test("any bytes under any headers are read without failing", () => {
  const contentType = fc.constantFrom(
    "application/json",
    "text/event-stream",
    "application/x-ndjson",
    "text/plain",
    "audio/wav",
    "multipart/form-data",
    undefined,
  );
  const contentEncoding = fc.constantFrom("gzip", "br", "zstd", "deflate", "gzip, br", "x", undefined);
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(json, stream, "[", '"usage":{"a":', "\n\n").map(bytes),
    fc.nat(9),
  );
  fc.assert(
    fc.property(
      contentType,
      contentEncoding,
      fc.constantFrom("openai", "gemini"),
      fc.array(piece, { maxLength: 6 }),
      (type, encoding, family, pieces) => {
        const reader = openAnswer({ ...openaiChat, family }, place, { contentType: type, contentEncoding: encoding });
        for (const part of pieces) {
          if (typeof part === "number") reader.skip(part);
          else reader.push(part);
        }
        expect(reader.end()).toBeObject();
      },
    ),
    { numRuns: 300 },
  );
});
