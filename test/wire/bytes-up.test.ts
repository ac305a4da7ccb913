import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { codings, hash, noise } from "./bytes.ts";
import type { Request } from "./client.ts";
import type { Header, Seen } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(() => wire[Symbol.asyncDispose]());

const json: Header = ["content-type", "application/json"];

/** What the upstream got of a request. */
async function deliver(request: Request): Promise<{ body: Buffer; seen: Seen }> {
  const { answer, seen } = await wire.exchange({ method: "POST", target: "/v1/responses", ...request });
  const [only] = seen;
  if (only === undefined || seen.length > 1)
    throw new Error(`${seen.length} requests arrived; answer ${answer.status} ${answer.text}`);
  return { body: await only.body, seen: only };
}

const documents: Readonly<Record<string, string>> = {
  "odd spacing and key order": '\r\n{ "z" :1,\t"model"\n:\r"m" , "a":[ ],"stream" :  false }\n\n',
  "duplicate keys": '{"model":"a","model":"b","stream":false,"stream":false,"x":1,"x":2}',
  "numbers in every form":
    '{"model":"m","n":[1e5,1E+5,-0,0.10,12345678901234567890,1.0,5e-324,123456789012345678901234567890.5]}',
  escapes: String.raw`{"mode\u006c":"\u00e9\ud83d\ude00\/\b\f","lone":"\ud800","é":"ü 😀"}`,
  "no JSON at all": '{"model": nope, "stream": tru',
  "a byte order mark": '\ufeff{"model":"m"}',
  "invalid UTF-8": Buffer.from([0x7b, 0x22, 0xff, 0xc0, 0x22, 0x3a, 0x31, 0x7d]).toString("latin1"),
  "an array": "[1, 2,3 ]",
  nothing: "",
};

describe("a JSON request arrives byte for byte", () => {
  for (const [what, text] of Object.entries(documents)) {
    const bytes = Buffer.from(text, what === "invalid UTF-8" ? "latin1" : "utf8");

    test.concurrent(`with ${what}`, async () => {
      const { body } = await deliver({ headers: [json], body: bytes });
      expect(hash(body)).toBe(hash(bytes));
    });

    test.concurrent(`with ${what}, sent in chunks of one byte`, async () => {
      const chunks = [...bytes].map((byte) => Uint8Array.of(byte));
      const { body } = await deliver({ headers: [json], chunks });
      expect(hash(body)).toBe(hash(bytes));
    });
  }
});

describe("a compressed request arrives as it was compressed", () => {
  const text = JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hi ".repeat(1000) }] });
  for (const [coding, compress] of Object.entries(codings)) {
    test.concurrent(coding, async () => {
      const bytes = compress(Buffer.from(text));
      const { body, seen } = await deliver({ headers: [json, ["content-encoding", coding]], body: bytes });
      expect(hash(body)).toBe(hash(bytes));
      expect(seen.header("content-encoding")).toBe(coding);
    });
  }
});

test.concurrent("20 MB of binary arrive as they are", async () => {
  const bytes = noise(20_000_000);
  const { body } = await deliver({ headers: [["content-type", "application/octet-stream"]], body: bytes });
  expect(hash(body)).toBe(hash(bytes));
});

test.concurrent("a JSON request too large to be looked into arrives as it is", async () => {
  const bytes = Buffer.from(JSON.stringify({ model: "m", stream: true, input: "x".repeat(10_000_000) }));
  const { body } = await deliver({ headers: [json], target: "/v1/chat/completions", body: bytes });
  expect(hash(body)).toBe(hash(bytes));
});

test.concurrent("an empty POST arrives empty, and a DELETE with its body", async () => {
  const [empty, deleted] = await Promise.all([
    deliver({ headers: [["content-length", "0"]] }),
    deliver({ method: "DELETE", target: "/v1/files/f", headers: [json], body: '{"why":"because"}' }),
  ]);
  expect(empty.body.length).toBe(0);
  expect(empty.seen.method).toBe("POST");
  expect(deleted.body.toString()).toBe('{"why":"because"}');
});

test.concurrent("a consumer that waits for 100 Continue gets it, and its body arrives", async () => {
  const headers: Header[] = [
    ["content-type", "application/octet-stream"],
    ["content-length", "5"],
    ["expect", "100-continue"],
  ];
  const running = wire.open({ method: "POST", target: "/v1/files", headers });
  const said = await new Promise<string>((resolve) =>
    running.socket.once("data", (bytes: Buffer) => resolve(bytes.toString())),
  );
  expect(said).toStartWith("HTTP/1.1 100 Continue\r\n");
  running.write("hello");
  expect((await running.answer).status).toBe(200);
  const seen = await running.arrived();
  expect([(await seen.body).toString(), seen.header("expect")]).toEqual(["hello", undefined]);
});

const uploads: Readonly<Record<string, readonly Header[]>> = {
  multipart: [["content-type", "multipart/form-data; boundary=b"]],
  binary: [["content-type", "application/octet-stream"]],
  sound: [["content-type", "audio/wav"]],
  untyped: [],
};

describe("the upstream sees the first byte of an upload before the consumer has sent the last", () => {
  const first = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n';
  const last = "RIFF\r\n--b--\r\n";
  for (const [kind, headers] of Object.entries(uploads)) {
    test.concurrent(`${kind}, with its length`, async () => {
      const length: Header = ["content-length", String(first.length + last.length)];
      const running = wire.open({ method: "POST", target: "/v1/audio/transcriptions", headers: [...headers, length] });
      running.write(first);
      const seen = await running.arrived();
      await seen.firstByte;
      expect(seen.received()).toBeLessThanOrEqual(first.length);
      running.write(last);
      expect((await running.answer).status).toBe(200);
      expect((await seen.body).toString()).toBe(first + last);
    });

    test.concurrent(`${kind}, in chunks`, async () => {
      const chunked: Header = ["transfer-encoding", "chunked"];
      const running = wire.open({ method: "POST", target: "/v1/audio/transcriptions", headers: [...headers, chunked] });
      running.write(`${first.length.toString(16)}\r\n${first}\r\n`);
      const seen = await running.arrived();
      await seen.firstByte;
      running.write(`${last.length.toString(16)};extension=1\r\n${last}\r\n0\r\n\r\n`);
      expect((await running.answer).status).toBe(200);
      expect((await seen.body).toString()).toBe(first + last);
    });
  }
});

test("whatever the body, its type and its coding, it arrives byte for byte", async () => {
  const type = fc.constantFrom("application/json", "text/plain", "application/json; charset=utf-16", "image/png");
  const coding = fc.constantFrom(undefined, ...Object.keys(codings), "aws-chunked");
  const target = fc.constantFrom(
    "/v1/chat/completions",
    "/v1/messages",
    "/v1beta/models/m:generateContent",
    "/v1/files",
  );
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 5000 }),
    fc.json().map((text) => Buffer.from(text)),
  );
  const request = fc.record({ type, coding, target, body, cut: fc.option(fc.integer({ min: 1, max: 200 })) });
  await fc.assert(
    fc.asyncProperty(request, async ({ type: contentType, coding: contentCoding, target: path, body: bytes, cut }) => {
      const headers: Header[] = [["content-type", contentType]];
      if (contentCoding !== undefined) headers.push(["content-encoding", contentCoding]);
      const pieces =
        cut === null
          ? undefined
          : Array.from({ length: Math.ceil(bytes.length / cut) }, (_, at) => bytes.subarray(at * cut, (at + 1) * cut));
      const sent = pieces === undefined ? { body: bytes } : { chunks: pieces };
      const { body: arrived } = await deliver({ target: path, headers, ...sent });
      expect(hash(arrived)).toBe(hash(bytes));
    }),
    { numRuns: 150 },
  );
}, 60_000);
