import { expect, test } from "bun:test";

import { findMedia, mediaPlaceholder, replaceMedia } from "./base64-media.ts";

const data = btoa("some bytes");

test.each([
  ["OpenAI's image_url", { image_url: { url: `data:image/png;base64,${data}` } }, "image/png"],
  ["OpenAI's file_data", { file: { file_data: `data:application/pdf;base64,${data}` } }, "application/pdf"],
  ["a data URI with parameters", { url: `data:Audio/WAV;codecs=1;base64,${data}` }, "audio/wav"],
  ["a data URI inside a text", { text: `![x](data:image/gif;base64,${data}) and more` }, "image/gif"],
  ["OpenAI's input_audio", { type: "input_audio", input_audio: { data, format: "mp3" } }, "audio/mpeg"],
  ["Anthropic's source", { type: "image", source: { type: "base64", media_type: "image/webp", data } }, "image/webp"],
  ["Gemini's inlineData", { inlineData: { mimeType: "video/mp4; codecs=x", data } }, "video/mp4"],
  ["OpenAI's file_data without a data URI", { file: { file_data: data, filename: "a.PDF" } }, "application/pdf"],
  ["a file of the Responses API", { type: "input_file", file_data: data, filename: "a.pdf" }, "application/pdf"],
  ["a sound of the Responses API", { type: "input_audio", audio: data, format: "wav" }, "audio/wav"],
  ["an image of Gemini's interactions", { type: "image", mime_type: "image/png", data }, "image/png"],
  ["Gemini's inline_data", { inline_data: { mime_type: "image/jpeg", data } }, "image/jpeg"],
])("%s is found and replaced", (_, part, type) => {
  const input = { messages: [{ role: "user", content: [part] }] };

  expect(findMedia(input)).toEqual([{ type, data }]);
  const replaced = JSON.stringify(replaceMedia(input, (media) => `<${media.type}>`));
  expect(replaced).toContain(`<${type}>`);
  expect(replaced).not.toContain(data);
});

test("several data URIs in one text are replaced each by itself", () => {
  const text = `a data:image/png;base64,${btoa("1")} b data:image/png;base64,${btoa("2")} c`;
  expect(replaceMedia(text, (media) => atob(media.data))).toBe("a 1 b 2 c");
});

test.each([
  ["a picture's address", { source: { type: "url", url: "https://example.com/a.png" } }],
  ["a text document", { source: { type: "text", media_type: "text/plain", data: "aGVsbG8=" } }],
  ["text that is no base64", { inlineData: { mimeType: "text/plain", data: "Hello, world!" } }],
  ["a tool's arguments", { arguments: { data: "aGVsbG8=", mimeType: "image/png", format: "mp3" } }],
  ["a data URI without base64", { url: "data:text/plain,hello" }],
  ["a file that doesn't say what it is", { file: { file_data: data, filename: "a.bin" } }],
  ["an image's reference", { type: "image", mime_type: "image/png", uri: "https://example.com/a.png" }],
  ["an unknown audio format", { input_audio: { data, format: "constructor" } }],
  ["nothing", undefined],
])("%s is left as it is", (_, value) => {
  expect(findMedia(value)).toEqual([]);
  expect(replaceMedia(value, () => "x")).toEqual(value);
});

test("a placeholder says the type and how many bytes there were", () => {
  for (const text of ["", "1", "12", "123", "1234"]) {
    expect(mediaPlaceholder({ type: "image/png", data: btoa(text) })).toBe(`[image/png, ${text.length} bytes]`);
  }
});

test("an input that is nested too deeply to be a request is taken as it is", () => {
  let nested: unknown = `data:image/png;base64,${data}`;
  for (let depth = 0; depth < 10_000; depth += 1) nested = [nested];
  expect(findMedia(nested)).toEqual([]);
});
