import { expect, test } from "bun:test";
import { readMultipart } from "./multipart.ts";

async function formBytes(form: FormData) {
  const response = new Response(form);
  const type = response.headers.get("content-type") ?? "";
  return { type, bytes: new Uint8Array(await response.arrayBuffer()) };
}

function transcription() {
  const form = new FormData();
  form.append("model", "whisper-1");
  form.append("file", new File([new Uint8Array(5_000).fill(0x2d)], "höre.wav", { type: "audio/wav" }));
  form.append("prompt", "Ein Satz\r\nin zwei Zeilen");
  form.append("timestamp_granularities[]", "word");
  form.append("timestamp_granularities[]", "segment");
  return form;
}

const fields = {
  model: "whisper-1",
  prompt: "Ein Satz\r\nin zwei Zeilen",
  "timestamp_granularities[]": ["word", "segment"],
};
const file = { name: "file", filename: "höre.wav", type: "audio/wav", bytes: 5_000 };

test("a form gives its fields by name, and its files by name, type and size", async () => {
  const { type, bytes } = await formBytes(transcription());
  expect(readMultipart(type, { head: bytes, total: bytes.length })).toEqual({ fields, files: [file] });
});

test("a file that is missing in the middle has its true size, and what comes after it is read", async () => {
  const { type, bytes } = await formBytes(transcription());
  const head = bytes.subarray(0, 1_000);
  const tail = bytes.subarray(4_000);
  expect(readMultipart(type, { head, tail, total: bytes.length })).toEqual({ fields, files: [file] });
});

test("of a form that was cut in a file the file counts as long as it came", async () => {
  const { type, bytes } = await formBytes(transcription());
  const form = readMultipart(type, { head: bytes.subarray(0, 1_000), total: 3_000 });
  expect(form?.fields).toEqual({ model: "whisper-1" });
  expect(form?.files[0]?.bytes).toBeGreaterThan(2_000);
  expect(form?.files[0]?.bytes).toBeLessThan(3_000);
});

test("a form cut anywhere gives no more than what is in it, and never fails", async () => {
  const { type, bytes } = await formBytes(transcription());
  for (let length = 0; length < bytes.length; length += 7) {
    const form = readMultipart(type, { head: bytes.subarray(0, length), total: length });
    expect(Object.keys(fields)).toContainValues(Object.keys(form?.fields ?? {}));
  }
});

test("names may be bare, quoted or escaped, and headers in any case", () => {
  const body = [
    "a preamble",
    "--b",
    "CONTENT-DISPOSITION: form-data; name=bare",
    "",
    "1",
    "--b",
    'content-disposition: form-data; filename="with \\"quotes\\".txt"; name="file"',
    "",
    "12345",
    "--b--",
    "",
  ].join("\r\n");
  const head = new TextEncoder().encode(body);
  expect(readMultipart('multipart/form-data; boundary="b"', { head, total: head.length })).toEqual({
    fields: { bare: "1" },
    files: [{ name: "file", filename: 'with "quotes".txt', bytes: 5 }],
  });
});

test("without a boundary there is no form", () => {
  expect(readMultipart("multipart/form-data", { head: new Uint8Array(10), total: 10 })).toBeUndefined();
});
