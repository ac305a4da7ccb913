import { expect, test } from "bun:test";
import fc from "fast-check";
import { openaiMedia } from "./openai-media.ts";
import { eventStream, readAnswer } from "./test-answers.ts";

const images = "/v1/images/generations";
const speech = "/v1/audio/speech";
const transcriptions = "/v1/audio/transcriptions";
const imageUsage = {
  input_tokens: 50,
  output_tokens: 100,
  total_tokens: 150,
  input_tokens_details: { text_tokens: 50, image_tokens: 0 },
};
const textUsage = {
  type: "tokens",
  input_tokens: 20,
  output_tokens: 9,
  total_tokens: 29,
  input_token_details: { text_tokens: 0, audio_tokens: 20 },
};

const readJson = (path: string, value: unknown) => readAnswer(openaiMedia, path, { body: JSON.stringify(value) });

function readStream(path: string, events: readonly unknown[], sizes?: readonly number[]) {
  return readAnswer(openaiMedia, path, {
    type: "text/event-stream",
    body: eventStream(events, { named: true, ending: "" }),
    sizes,
  });
}

test("each image is a choice with a reference, never its bytes", () => {
  const data = [{ b64_json: "AAAAAAAA", revised_prompt: "A cat" }, { url: "https://example.com/cat.png" }];
  expect(readJson(images, { created: 1, data, output_format: "webp", usage: imageUsage })).toEqual({
    output: {
      kind: "choices",
      choices: [
        { index: 0, text: "A cat", media: [{ type: "image/webp", bytes: 6 }] },
        { index: 1, media: [{ type: "image", url: "https://example.com/cat.png" }] },
      ],
    },
    usage: { input: 50, output_image: 100, total: 150, source: "provider", raw: imageUsage },
  });
});

test("a streamed image reads the same as a whole one", () => {
  const image = { b64_json: "AAAAAAAA", output_format: "png" };
  const streamed = readStream(
    images,
    [
      { type: "image_generation.partial_image", b64_json: "AAAA", partial_image_index: 0, output_format: "png" },
      { type: "image_generation.completed", ...image, usage: imageUsage },
    ],
    [7],
  );
  const whole = readJson(images, { data: [{ b64_json: image.b64_json }], output_format: "png", usage: imageUsage });
  expect(streamed).toEqual({ ...whole, complete: true });
});

test("of an image that was never finished the last part that was seen is told", () => {
  const partial = { type: "image_edit.partial_image", b64_json: "AAAA", partial_image_index: 0, output_format: "png" };
  expect(readStream("/v1/images/edits", [partial])).toEqual({
    output: { kind: "choices", choices: [{ index: 0, media: [{ type: "image/png", bytes: 3 }] }] },
    complete: false,
  });
});

test("a transcript reads the same, whole and streamed, with its audio tokens", () => {
  const streamed = readStream(
    transcriptions,
    [
      { type: "transcript.text.delta", delta: "Hällo " },
      { type: "transcript.text.delta", delta: "you" },
      { type: "transcript.text.done", text: "Hällo you", usage: textUsage },
    ],
    [1],
  );
  const whole = readJson(transcriptions, { text: "Hällo you", usage: textUsage });
  expect(whole).toEqual({
    output: { kind: "choices", choices: [{ index: 0, text: "Hällo you" }] },
    usage: { input_audio: 20, output: 9, total: 29, source: "provider", raw: textUsage },
  });
  expect(streamed).toEqual({ ...whole, complete: true });
});

test("a transcript that was cut tells its deltas", () => {
  expect(readStream(transcriptions, [{ type: "transcript.text.delta", delta: "Hel" }])).toEqual({
    output: { kind: "choices", choices: [{ index: 0, text: "Hel" }] },
    complete: false,
  });
});

test("a verbose transcript that is billed by its length keeps the seconds", () => {
  const usage = { type: "duration", seconds: 12 };
  const answer = readJson(transcriptions, { task: "transcribe", duration: 11.8, text: "Hi", segments: [], usage });
  expect(answer.usage).toEqual({ total: 0, source: "provider", raw: usage });
  expect(answer.output).toMatchObject({ choices: [{ text: "Hi" }] });
});

test("a transcript as plain text, and speech as bytes, are told without a dialect's help", () => {
  const subtitles = "1\n00:00 --> 00:01\nHi\n";
  expect(readAnswer(openaiMedia, transcriptions, { type: "text/plain; charset=utf-8", body: subtitles })).toEqual({
    output: { kind: "text", text: subtitles },
  });
  expect(readAnswer(openaiMedia, speech, { type: "audio/mpeg", body: "ID3 and so on", sizes: [2] })).toEqual({
    output: { kind: "binary", type: "audio/mpeg", bytes: 13 },
  });
});

test("streamed speech is measured, and its output is audio", () => {
  const usage = { input_tokens: 14, output_tokens: 101, total_tokens: 115 };
  const events = [
    { type: "speech.audio.delta", audio: "AAAA" },
    { type: "speech.audio.delta", audio: "AAA=" },
    { type: "speech.audio.done", usage },
  ];
  expect(readStream(speech, events)).toEqual({
    output: { kind: "binary", type: "audio", bytes: 5 },
    usage: { input: 14, output_audio: 101, total: 115, source: "provider", raw: usage },
    complete: true,
  });
});

test("an error is told", () => {
  const error = {
    message: "Unknown parameter",
    type: "invalid_request_error",
    param: "quality",
    code: "unknown_parameter",
  };
  const expected = { message: "Unknown parameter", type: "invalid_request_error", code: "unknown_parameter" };
  expect(readJson(images, { error })).toEqual({ error: expected });
});

test("a form is split like a JSON body, its files by the name of their field", () => {
  const form = {
    fields: { model: "gpt-image-1", prompt: "A cat", size: "1024x1024" },
    files: [
      { name: "image[]", filename: "a.png", type: "image/png", bytes: 10 },
      { name: "image[]", filename: "b.png", bytes: 20 },
    ],
  };
  expect(openaiMedia.readRequest(form, { method: "POST", path: "/v1/images/edits" })).toEqual({
    model: "gpt-image-1",
    input: {
      prompt: "A cat",
      "image[]": [
        { filename: "a.png", type: "image/png", bytes: 10 },
        { filename: "b.png", bytes: 20 },
      ],
    },
    parameters: { size: "1024x1024" },
    modalities: ["vision"],
  });
});

test("making and hearing are generations, looking is not", () => {
  for (const path of [images, speech, transcriptions]) {
    expect(openaiMedia.kindOf({ method: "POST", path })).toBe("generation");
    expect(openaiMedia.kindOf({ method: "GET", path })).toBe("other");
  }
  expect(openaiMedia.kindOf({ method: "POST", path: "/v1/audio/voices" })).toBe("other");
});

test("anything at all is read without failing", () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (value, other) => {
      const builder = openaiMedia.createAnswer({ method: "POST", path: images });
      builder.event(undefined, value);
      builder.event("image_generation.completed", { b64_json: value, usage: other });
      builder.whole({ data: [value, { b64_json: other, url: value }], text: other, usage: value });
      builder.whole(value);
      builder.answer();
      openaiMedia.readRequest(value, { method: "POST", path: images });
      openaiMedia.readRequest({ fields: value, files: [other] }, { method: "POST", path: images });
    }),
  );
});
