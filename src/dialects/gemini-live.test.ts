import { describe, expect, test } from "bun:test";
import { openAnswer } from "./answer-reader.ts";
import type { Answer } from "./dialect.ts";
import { geminiLive } from "./gemini-live.ts";

const place = { method: "GET", path: "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent" };

function readMessages(messages: readonly unknown[]): Answer {
  const builder = geminiLive.createAnswer(place);
  for (const message of messages) builder.event(undefined, message);
  return builder.answer();
}

const first = {
  promptTokenCount: 10,
  promptTokensDetails: [{ modality: "AUDIO", tokenCount: 8 }],
  responseTokenCount: 5,
  responseTokensDetails: [{ modality: "AUDIO", tokenCount: 5 }],
  totalTokenCount: 15,
};
const second = { promptTokenCount: 20, responseTokenCount: 4, totalTokenCount: 24 };

test("each turn is a choice, and usage is that of all turns", () => {
  const answer = readMessages([
    { setupComplete: {} },
    { serverContent: { modelTurn: { parts: [{ inlineData: { mimeType: "audio/pcm", data: "aGVsbG8=" } }] } } },
    { serverContent: { outputTranscription: { text: "Hel" } } },
    { serverContent: { outputTranscription: { text: "lo" } }, usageMetadata: { ...first, totalTokenCount: 11 } },
    { serverContent: { generationComplete: true } },
    { serverContent: { turnComplete: true } },
    { usageMetadata: first },
    { toolCall: { functionCalls: [{ id: "f1", name: "umbrella", args: { open: true } }] } },
    { serverContent: { interrupted: true } },
    { serverContent: { turnComplete: true }, usageMetadata: second },
  ]);
  expect(answer).toEqual({
    output: {
      kind: "choices",
      choices: [
        { index: 0, text: "Hello", media: [{ type: "audio/pcm", bytes: 5 }], finish_reason: "turnComplete" },
        {
          index: 1,
          tool_calls: [{ id: "f1", name: "umbrella", arguments: { open: true } }],
          finish_reason: "interrupted",
        },
      ],
    },
    usage: {
      source: "provider",
      input: 22,
      input_audio: 8,
      output: 4,
      output_audio: 5,
      total: 39,
      raw: [first, second],
    },
  });
});

test("searches of all turns are counted", () => {
  const turn = (...webSearchQueries: readonly string[]) => [
    { serverContent: { modelTurn: { parts: [{ text: "Rain." }] }, groundingMetadata: { webSearchQueries } } },
    { serverContent: { turnComplete: true }, usageMetadata: second },
  ];
  const { usage } = readMessages([...turn("rain", "rain in May"), ...turn(), ...turn("rain")]);
  expect(usage).toMatchObject({ requests: 3, total: 72 });
});

describe("a session of which a part is missing", () => {
  const turnOf = (usageMetadata: object, text = "Hello") => ({
    serverContent: { modelTurn: { parts: [{ text }] }, turnComplete: true },
    usageMetadata,
  });
  const read = (pieces: readonly string[]): Answer => {
    const reader = openAnswer(geminiLive, place, { contentType: "application/x-ndjson" });
    for (const [at, piece] of pieces.entries()) {
      if (at > 0) reader.skip(1_000);
      reader.push(Buffer.from(piece));
    }
    return reader.end();
  };
  const [one, two] = [first, second].map((usage) => `${JSON.stringify(turnOf(usage))}\n`);

  test("counts the turns that are there, and doesn't say that the provider's count is whole", () => {
    expect(read([`${one}${two}`]).usage).toMatchObject({ source: "provider", total: 39 });
    expect(read([`${one}`, `${two}`.slice(9)]).usage).toMatchObject({ source: "estimated", total: 39 });
    expect(read([`${one}{"serverCon`, `ntent":{}}\n${two}`]).usage).toMatchObject({ source: "estimated", total: 39 });
    expect(read([`${one}{"serverCon`]).usage).toMatchObject({ source: "provider", total: 15 });
    const cut = read([`${one}{"serverCon`, ""]);
    expect(cut.usage).toMatchObject({ source: "estimated", total: 15 });
    expect(cut.output).toMatchObject({ choices: { length: 1 } });
    expect(read(["", `${two}`]).usage).toMatchObject({ source: "estimated", total: 24 });
  });

  test("counts the usage of a turn whose content is missing beside that of the next", () => {
    const alone = JSON.stringify({ usageMetadata: first });
    const end = `tent":{"turnComplete":true},${alone.slice(1)}\n`;
    for (const rest of [`${alone}\n${two}`, `${end}${two}`])
      expect(read(["{", rest]).usage).toMatchObject({ source: "estimated", total: 39 });
  });

  test("doesn't take what follows for the turn before", () => {
    const open = JSON.stringify({ serverContent: { modelTurn: { parts: [{ text: "Hel" }] } }, usageMetadata: first });
    const { usage, output } = read([`${open}\n`, `{}\n${two}`]);
    expect(usage).toMatchObject({ source: "estimated", total: 39 });
    expect(output).toMatchObject({ choices: [{ text: "Hel" }, { text: "Hello" }] });
  });
});

test("a frame of sound alone is media, and what tells of a turn is not", () => {
  const parts = [{ inlineData: { mimeType: "audio/pcm;rate=24000", data: "A".repeat(20_000) } }];
  const isMedia = (...messages: readonly object[]) =>
    messages.map((message) => geminiLive.isMedia?.(Buffer.from(JSON.stringify(message))));
  const spoken = { modelTurn: { parts } };
  expect(isMedia({ serverContent: spoken })).toEqual([true]);
  expect(
    isMedia(
      { serverContent: { ...spoken, turnComplete: true } },
      { serverContent: spoken, usageMetadata: first },
      { serverContent: { modelTurn: { parts: [{ text: "Hello ".repeat(1_000) }] } } },
      { serverContent: { modelTurn: { parts: [...parts, { text: "Hello" }] } } },
      { sessionResumptionUpdate: { newHandle: "h".repeat(3_000) } },
    ),
  ).toEqual([false, false, false, false, false]);
});

test("the setup is the request, and what was said its input", () => {
  const turns = [{ role: "user", parts: [{ text: "Hello" }] }];
  const setup = {
    model: "models/gemini-live-2.5-flash",
    systemInstruction: { parts: [] },
    generationConfig: { responseModalities: ["AUDIO"] },
  };
  const read = {
    model: "gemini-live-2.5-flash",
    input: { systemInstruction: { parts: [] }, contents: turns },
    parameters: { generationConfig: { responseModalities: ["AUDIO"] } },
    modalities: ["audio", "vision"],
  };
  const messages = [
    { setup },
    { clientContent: { turns, turnComplete: true } },
    { realtimeInput: { audio: { mimeType: "audio/pcm", data: "" } } },
    { realtimeInput: { video: { mimeType: "image/jpeg", data: "" } } },
  ];
  expect(geminiLive.readRequest(messages, place)).toEqual(read);
  expect(geminiLive.readRequest({ setup }, place)).toMatchObject({ model: "gemini-live-2.5-flash" });
});

test("nothing makes it throw", () => {
  for (const value of [null, 1, "x", [], {}, { serverContent: 1 }, { toolCall: { functionCalls: [null] } }]) {
    expect(() =>
      readMessages([value, { serverContent: { modelTurn: value, outputTranscription: value } }]),
    ).not.toThrow();
    expect(() => geminiLive.readRequest([value, { setup: value }], place)).not.toThrow();
  }
});
