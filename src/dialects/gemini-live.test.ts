import { expect, test } from "bun:test";
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
