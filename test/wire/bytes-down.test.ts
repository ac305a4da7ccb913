import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { codings, hash, noise, slices } from "./bytes.ts";
import type { Request } from "./client.ts";
import { frame, type Header } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(() => wire[Symbol.asyncDispose]());

const json: Header = ["content-type", "application/json"];
const sse: Header = ["content-type", "text/event-stream"];

/** A stream that isn't touched, and one of which the usage event is taken out. */
const streams: Readonly<Record<string, Request>> = {
  "an Anthropic stream": {
    method: "POST",
    target: "/v1/messages",
    headers: [json],
    body: '{"model":"m","stream":true}',
  },
  "a chat stream that was made to tell its usage": {
    method: "POST",
    target: "/v1/chat/completions",
    headers: [json],
    body: '{"model":"m","stream":true}',
  },
};
const [untouched = {}, watched = {}] = Object.values(streams);

/** What a consumer gets of an answer that is sent in these pieces. */
async function receive(request: Request, pieces: readonly Uint8Array[], headers: readonly Header[] = [sse]) {
  const { answer } = await wire.exchange(request, async (seen) => {
    await seen.body;
    seen.begin(headers);
    for (const piece of pieces) await seen.push(frame(piece));
    seen.end();
  });
  return answer;
}

const event = (n: number) => `{"id":"c","choices":[{"index":0,"delta":{"content":"${n} é 😀"}}]}`;

const texts: Readonly<Record<string, string>> = {
  LF: `data: ${event(1)}\n\ndata:${event(2)}\n\ndata: [DONE]\n\n`,
  CRLF: `data: ${event(1)}\r\n\r\ndata: ${event(2)}\r\n\r\ndata: [DONE]\r\n\r\n`,
  CR: `data: ${event(1)}\r\rdata: ${event(2)}\r\rdata: [DONE]\r\r`,
  "all three ends of a line": `data: ${event(1)}\r\n\ndata: ${event(2)}\n\r\ndata: [DONE]\r\n\r`,
  "comments and pings": `: hello\n\n:\n\ndata: ${event(1)}\n\nevent: ping\ndata: {}\n\n: bye\n\n`,
  "a byte order mark": `\ufeffdata: ${event(1)}\n\n`,
  "ids, retries and unknown fields": `id: 1\nretry: 10\nfoo: bar\ndata: ${event(1)}\n\nnothing\n\n`,
  "data of several lines": 'data: {"choices":[],\ndata: "x":\ndata:  1}\n\n',
  "blank lines in a row": `\n\n\ndata: ${event(1)}\n\n\n\n\n`,
  "an event that never ends": `data: ${event(1)}\n\ndata: {"choices":[],"usa`,
  "no JSON": "data: hello\n\ndata: {\n\ndata:\n\ndata\n\n",
};

for (const [stream, request] of Object.entries(streams)) {
  describe(`${stream} arrives byte for byte`, () => {
    for (const [what, text] of Object.entries(texts)) {
      const bytes = Buffer.from(text);

      test.concurrent(`with ${what}`, async () => {
        const answer = await receive(request, [bytes]);
        expect(answer.text).toBe(text);
        expect(answer.end).toBe("clean");
      });

      test.concurrent(`with ${what}, written byte by byte`, async () => {
        const answer = await receive(
          request,
          [...bytes].map((byte) => Uint8Array.of(byte)),
        );
        expect(answer.text).toBe(text);
        expect(answer.end).toBe("clean");
      });
    }

    test.concurrent("with an event of 10 MB", async () => {
      const text = `data: {"choices":[{"delta":{"content":"${"x".repeat(10_000_000)}"}}]}\n\ndata: [DONE]\n\n`;
      const answer = await receive(
        request,
        slices(
          Buffer.from(text),
          Array.from({ length: 200 }, () => 65_536),
        ),
      );
      expect(hash(answer.body)).toBe(hash(text));
    });
  });
}

describe("an encoded answer stays encoded", () => {
  for (const [coding, compress] of Object.entries(codings)) {
    const bytes = compress(Buffer.from(`{"id":"x","text":"${"hello ".repeat(500)}"}`));
    const headers: Header[] = [json, ["content-encoding", coding], ["vary", "accept-encoding"]];

    test.concurrent(`${coding} with its length`, async () => {
      const { answer } = await wire.exchange(untouched, (seen) => seen.answer({ headers, body: bytes }));
      expect(hash(answer.body)).toBe(hash(bytes));
      expect([answer.header("content-encoding"), answer.header("vary")]).toEqual([coding, "accept-encoding"]);
    });

    test.concurrent(`${coding} as a stream`, async () => {
      const answer = await receive(untouched, slices(bytes, [1, 2, 3, 4]), [sse, ["content-encoding", coding]]);
      expect(hash(answer.body)).toBe(hash(bytes));
      expect(answer.header("content-encoding")).toBe(coding);
    });
  }
});

test.concurrent("20 MB of binary arrive as they are, with their length or in chunks", async () => {
  const bytes = noise(20_000_000, 3);
  const headers: Header[] = [["content-type", "application/octet-stream"]];
  const whole = await wire.exchange({ target: "/v1/files/f/content" }, (seen) => seen.answer({ headers, body: bytes }));
  expect(hash(whole.answer.body)).toBe(hash(bytes));
  const chunks = await receive(
    { target: "/v1/files/f/content" },
    slices(
      bytes,
      Array.from({ length: 400 }, () => 50_001),
    ),
    headers,
  );
  expect(hash(chunks.body)).toBe(hash(bytes));
});

test.concurrent("an answer whose end is the connection's arrives whole", async () => {
  const { answer } = await wire.exchange({ target: "/v1/models" }, (seen) => {
    seen.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n");
    seen.write('{"a":');
    seen.write("1}");
    seen.fin();
  });
  expect([answer.text, answer.end]).toEqual(['{"a":1}', "clean"]);
});

test.concurrent("trailers are dropped, and nothing but them", async () => {
  const { answer } = await wire.exchange(untouched, (seen) => {
    seen.begin([sse, ["trailer", "x-checksum"]]);
    seen.write("5\r\nhello\r\n0\r\nx-checksum: 1\r\n\r\n");
  });
  expect([answer.text, answer.end]).toEqual(["hello", "clean"]);
  expect(answer.headers.map(([, value]) => value)).not.toContain("x-checksum");
});

test.concurrent("answers without a body have none, and a HEAD keeps its length", async () => {
  const bare = (status: string) => (seen: { write: (bytes: string) => void }) =>
    seen.write(`HTTP/1.1 ${status}\r\netag: "e"\r\n\r\n`);
  const none = await wire.exchange({ method: "DELETE", target: "/v1/files/f" }, bare("204 No Content"));
  expect([none.answer.status, none.answer.header("etag"), none.answer.body.length]).toEqual([204, '"e"', 0]);
  const same = await wire.exchange({ target: "/v1/files/f" }, bare("304 Not Modified"));
  expect([same.answer.status, same.answer.header("etag")]).toEqual([304, '"e"']);
  const head = await wire.exchange({ method: "HEAD", target: "/v1/files/f" }, (seen) =>
    seen.write("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n"),
  );
  expect([head.answer.status, head.answer.header("content-length")]).toEqual([200, "1234"]);
});

const kinds: readonly (readonly [status: string, type: string, body: string])[] = [
  ["400 Bad Request", "application/json", '{"error" : {"message":"no"}}'],
  ["401 Unauthorized", "application/json", '{"error":{"message":"Incorrect API key"}}'],
  ["404 Not Found", "application/json", '{"type":"error","error":{"type":"not_found_error"}}'],
  ["413 Payload Too Large", "text/plain", "too big"],
  ["429 Too Many Requests", "application/json", '{"error":{"code":429}}'],
  ["500 Internal Server Error", "application/json", "{}"],
  ["502 Bad Gateway", "text/html", "<html><h1>502</h1></html>"],
  ["503 Service Unavailable", "text/plain", ""],
  ["529 Overloaded", "application/json", '{"type":"error","error":{"type":"overloaded_error"}}'],
  ["302 Found", "text/html", "moved"],
  ["201 Created", "application/json", '{"id":1}'],
];

describe("an upstream's answer passes with its status and its bytes, after one attempt", () => {
  const targets = ["/v1/chat/completions", "/v1/messages", "/v1beta/models/m:streamGenerateContent?alt=sse"];
  for (const [status, type, body] of kinds) {
    test.concurrent(status, async () => {
      for (const target of targets) {
        for (const stream of [true, false]) {
          const request = { method: "POST", target, headers: [json], body: `{"model":"m","stream":${stream}}` };
          const headers: Header[] = [
            ["content-type", type],
            ["retry-after", "7"],
            ["location", "https://elsewhere.example/"],
          ];
          const { answer, seen } = await wire.exchange(request, (one) => one.answer({ status, headers, body }));
          expect([answer.status, answer.text, answer.end]).toEqual([Number.parseInt(status, 10), body, "clean"]);
          expect([answer.header("content-type"), answer.header("retry-after"), answer.header("location")]).toEqual([
            type,
            "7",
            "https://elsewhere.example/",
          ]);
          expect(answer.header("x-weir-error")).toBeUndefined();
          expect(seen.length).toBe(1);
        }
      }
    });
  }
});

/** Events with any content and any line ends, cut anywhere; never one that tells the usage. */
const stream = fc
  .array(
    fc.record({
      field: fc.constantFrom("data: ", "data:", ": ", "event: x\ndata: ", "id:", "usage"),
      text: fc.oneof(
        fc.constantFrom(
          event(1),
          '{"choices":[]}',
          '{"usage":null,"choices":[{}]}',
          "[DONE]",
          '{"choices":[{}],"usage":{"total_tokens":1}}',
        ),
        fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\r\n]/g, " ")),
      ),
      end: fc.constantFrom("\n\n", "\r\n\r\n", "\r\r", "\n", "\r\n\n"),
    }),
    { maxLength: 12 },
  )
  .map((events) => Buffer.from(events.map(({ field, text, end }) => field + text + end).join("")));
const lengths = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });

test("whatever the bytes of a stream and wherever they are cut, they arrive as they are", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(stream, fc.uint8Array({ maxLength: 3000 })), lengths, async (bytes, cuts) => {
      const pieces = slices(bytes, cuts);
      const [one, other] = await Promise.all([receive(untouched, pieces), receive(watched, pieces)]);
      expect([hash(one.body), one.end]).toEqual([hash(bytes), "clean"]);
      expect([other.body.toString(), other.end]).toEqual([Buffer.from(bytes).toString(), "clean"]);
    }),
    { numRuns: 100 },
  );
}, 60_000);

test("two answers on one connection upstream don't mix", async () => {
  const results = await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      const body = noise(10_000 + n, n + 1);
      const { answer } = await wire.exchange({ target: `/v1/files/${n}` }, (seen) => seen.answer({ body }));
      return hash(answer.body) === hash(body);
    }),
  );
  expect(results).not.toContain(false);
});
