import { expect, test } from "bun:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { openaiChat } from "./openai-chat.ts";
import { openaiMedia } from "./openai-media.ts";
import { openaiResponses } from "./openai-responses.ts";
import { type RequestBody, readRequest } from "./request-reader.ts";

const place = { method: "POST", path: "/v1/chat/completions" };
const messages = [{ role: "user", content: "Grüß dich" }];
const facts = { model: "gpt-5", input: { messages }, parameters: { stream: true } };

function whole(body: string | Uint8Array, about: Partial<RequestBody> = {}): RequestBody {
  const head = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return { contentType: "application/json", head, total: head.length, ...about };
}

/** A body of which only the first and the last bytes were kept. */
function ends(body: string, kept: number): RequestBody {
  const all = new TextEncoder().encode(body);
  return { contentType: "application/json", head: all.subarray(0, kept), tail: all.subarray(-kept), total: all.length };
}

const json = JSON.stringify({ messages, model: "gpt-5", stream: true });

test("a JSON body is read whatever its content type says", () => {
  for (const contentType of [
    "application/json; charset=utf-8",
    "application/x-www-form-urlencoded",
    "text/plain",
    undefined,
  ]) {
    expect(readRequest(openaiChat, place, whole(` ${json}`, { contentType }))).toEqual(facts);
  }
});

test("an encoded body is decoded", () => {
  expect(readRequest(openaiChat, place, whole(gzipSync(json), { contentEncoding: "gzip" }))).toEqual(facts);
});

test("of an encoded body that was cut the beginning is read", () => {
  const encoded = gzipSync(
    JSON.stringify({
      model: "gpt-5",
      messages: Array.from({ length: 500 }, (_, n) => ({ content: String(n * 7919) })),
    }),
  );
  const body = { head: encoded.subarray(0, 900), tail: encoded.subarray(-100), total: encoded.length };
  expect(
    readRequest(openaiChat, place, { contentType: "application/json", contentEncoding: "gzip", ...body }),
  ).toMatchObject({ model: "gpt-5" });
});

test("of a body that is too large to be kept the members at both ends and the first messages are read", () => {
  const many = Array.from({ length: 2_000 }, (_, n) => ({ role: "user", content: `message ${n}` }));
  const bodies = [
    { messages: many, model: "gpt-5", stream: true },
    { model: "gpt-5", stream: true, messages: many },
  ];
  for (const body of bodies) {
    const { input, ...rest } = readRequest(openaiChat, place, ends(JSON.stringify(body), 500));
    expect(rest).toEqual({ model: "gpt-5", parameters: { stream: true } });
    const read = JSON.stringify(input);
    expect(read).toStartWith(JSON.stringify({ messages: many.slice(0, 10) }).slice(0, -2));
  }
});

test("a form is read with its files named and measured", async () => {
  const form = new FormData();
  form.append("model", "whisper-1");
  form.append("language", "de");
  form.append("file", new File([new Uint8Array(3_000)], "a.wav", { type: "audio/wav" }));
  const sent = new Response(form);
  const body = whole(new Uint8Array(await sent.clone().arrayBuffer()), {
    contentType: sent.headers.get("content-type") ?? "",
  });
  expect(readRequest(openaiMedia, { method: "POST", path: "/v1/audio/transcriptions" }, body)).toEqual({
    model: "whisper-1",
    input: { file: [{ filename: "a.wav", type: "audio/wav", bytes: 3_000 }] },
    parameters: { language: "de" },
    modalities: ["audio"],
  });
});

test("a WebSocket's message is read like a body", () => {
  const event = JSON.stringify({ type: "response.create", model: "gpt-5", input: "Hi" });
  const socket = { method: "GET", path: "/v1/responses" };
  const expected = { model: "gpt-5", input: { input: "Hi" } };
  for (const body of [event, `{"type":"session.update"}\n${event}\n`]) {
    expect(readRequest(openaiResponses, socket, whole(body, { contentType: "application/x-ndjson" }))).toEqual(
      expected,
    );
  }
});

test("what is neither JSON nor a form tells what its place says", () => {
  const azure = { method: "POST", path: "/openai/deployments/mine/chat/completions" };
  for (const contentType of ["application/octet-stream", "text/plain", "application/json", undefined]) {
    expect(readRequest(openaiChat, azure, whole("<nothing>", { contentType }))).toEqual({ model: "mine" });
  }
  expect(readRequest(openaiChat, azure, whole(""))).toEqual({ model: "mine" });
  expect(readRequest(openaiChat, azure, whole(json, { contentEncoding: "secret" }))).toEqual({ model: "mine" });
});

test("any bytes under any headers are read without failing", () => {
  const contentType = fc.constantFrom(
    "application/json",
    "multipart/form-data; boundary=b",
    "application/x-ndjson",
    "text/event-stream",
    undefined,
  );
  const contentEncoding = fc.constantFrom("gzip", "br", "x", undefined);
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.constantFrom(json, "--b\r\n\r\n", '{"model":').map((text) => new TextEncoder().encode(text)),
  );
  fc.assert(
    fc.property(
      contentType,
      contentEncoding,
      part,
      fc.option(part, { nil: undefined }),
      fc.nat(50),
      (type, encoding, head, tail, gap) => {
        const total = head.length + (tail?.length ?? 0) + gap;
        expect(
          readRequest(openaiMedia, place, { contentType: type, contentEncoding: encoding, head, tail, total }),
        ).toBeObject();
      },
    ),
    { numRuns: 300 },
  );
});

test("a few bytes that unpack to brackets or spaces tell nothing more, and cost little memory", () => {
  const open = Buffer.concat([Buffer.from('{"model":"gpt-4o","messages":'), Buffer.alloc(33_000_000, "[")]);
  const before = process.memoryUsage.rss();
  for (const body of [open, Buffer.alloc(33_000_000, " ")])
    expect(readRequest(openaiChat, place, whole(brotliCompressSync(body), { contentEncoding: "br" }))).toEqual({});
  expect(process.memoryUsage.rss() - before).toBeLessThan(500_000_000);
});

test("of a body that is nested too deeply what stands before that is read", () => {
  const deep = `{"model":"gpt-4o","messages":${"[".repeat(900_000)}`;
  expect(readRequest(openaiChat, place, whole(deep))).toMatchObject({ model: "gpt-4o" });
  expect(readRequest(openaiChat, place, whole(gzipSync(deep), { contentEncoding: "gzip" }))).toMatchObject({
    model: "gpt-4o",
  });
});
