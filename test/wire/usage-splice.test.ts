import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { deflateRawSync, deflateSync } from "node:zlib";
import fc from "fast-check";
import { codings, hash, slices } from "./bytes.ts";
import type { Answer, Request } from "./client.ts";
import { frame, type Header, type Seen } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

let wire: Wire;
let off: Wire;
beforeAll(async () => {
  [wire, off] = await Promise.all([
    openWire({
      yaml: ({ other }) => `
        providers:
          groq: { base_url: "${other}/openai", dialect: openai }
          shy: { base_url: "${other}", dialect: openai, stream_usage: off }`,
    }),
    openWire({ env: { STREAM_USAGE: "off" } }),
  ]);
});
afterAll(async () => {
  await wire[Symbol.asyncDispose]();
  await off[Symbol.asyncDispose]();
});

const json: Header = ["content-type", "application/json"];
const sse: Header = ["content-type", "text/event-stream"];
const option = '"stream_options":{"include_usage":true}';

const words = ["Hel", "lo", "!"].map(
  (text) => `data: {"id":"c1","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"${text}"}}],"usage":null}\n\n`,
);
const usage =
  'data: {"id":"c1","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17}}\n\n';
const done = "data: [DONE]\n\n";
const withUsage = [...words, usage, done].join("");
const withoutUsage = [...words, done].join("");

/** A call to an upstream that streams its usage; what it got, and what came back. */
async function chat(
  body: string | Uint8Array,
  more: Partial<Request> = {},
  on = wire,
): Promise<{ sent: string; seen: Seen; answer: Answer }> {
  const request = { method: "POST", target: "/v1/chat/completions", headers: [json], body, ...more };
  const { answer, seen } = await on.exchange(request, async (one) => {
    await one.body;
    one.begin();
    for (const event of [...words, usage, done]) one.chunk(event);
    one.end();
  });
  const [only] = seen;
  if (only === undefined) throw new Error(`Nothing arrived: ${answer.status} ${answer.text}`);
  return { sent: (await only.body).toString("latin1"), seen: only, answer };
}

/** What was put into a body, if all else is as it was. */
function insertion(before: string, after: string): string | undefined {
  const length = after.length - before.length;
  for (let at = 0; at <= before.length; at += 1) {
    if (after.slice(0, at) + after.slice(at + length) === before) return after.slice(at, at + length);
  }
  return undefined;
}

const spliced: Readonly<Record<string, string>> = {
  "the least": '{"stream":true}',
  "big integers and odd spacing": ' {\n"seed" : 12345678901234567890 ,"stream" :\ttrue , "n":1e400,"model":"m" }\r\n',
  "an escaped name": String.raw`{"model":"m","str\u0065am":true}`,
  "nested and quoted look-alikes": String.raw`{"messages":[{"stream":false,"content":"\"stream\":false,\"stream_options\":{}"}],"stream":true}`,
  "duplicate keys": '{"x":1,"model":"a","x":2,"stream":true,"model":"b"}',
};

describe("a chat stream that doesn't ask for its usage is made to, and nothing else in it changes", () => {
  for (const [what, body] of Object.entries(spliced)) {
    test.concurrent(`with ${what}`, async () => {
      const { sent, answer } = await chat(body);
      expect([`${option},`, `,${option}`]).toContain(insertion(body, sent) ?? sent);
      expect(JSON.parse(sent)).toMatchObject({ stream: true, stream_options: { include_usage: true } });
      expect(answer.text).toBe(withoutUsage);
    });
  }

  test.concurrent("options that stand there are added to", async () => {
    const { sent } = await chat('{"stream":true,"stream_options": { "include_obfuscation" : false },"n":1}');
    expect(JSON.parse(sent)).toEqual({
      stream: true,
      stream_options: { include_obfuscation: false, include_usage: true },
      n: 1,
    });
    expect(sent).toContain('"include_obfuscation" : false');
  });

  test.concurrent("empty options are added to", async () => {
    const { sent } = await chat('{"stream":true,"stream_options":{ }}');
    expect(JSON.parse(sent)).toEqual({ stream: true, stream_options: { include_usage: true } });
  });

  test.concurrent("options that are null become an object", async () => {
    const { sent, answer } = await chat('{"stream_options":null,"stream":true}');
    expect(JSON.parse(sent)).toEqual({ stream: true, stream_options: { include_usage: true } });
    expect(answer.text).toBe(withoutUsage);
  });

  test.concurrent("a refusal of usage becomes a wish for it, and the consumer doesn't notice", async () => {
    const body = '{"stream_options":{"include_usage" : false, "x":1},"stream":true}';
    const { sent, answer } = await chat(body);
    expect(sent).toBe(body.replace("false", "true"));
    expect(answer.text).toBe(withoutUsage);
  });
});

const places: readonly (readonly [target: string, arrives: string, headers?: readonly Header[]])[] = [
  ["/v1/completions", "openai /v1/completions"],
  ["/openai/v1/chat/completions", "openai /v1/chat/completions"],
  ["/groq/v1/chat/completions", "other /openai/v1/chat/completions"],
  ["/v1beta/openai/chat/completions", "gemini /v1beta/openai/chat/completions"],
  ["/anthropic/v1/chat/completions", "anthropic /v1/chat/completions"],
];

for (const [target, arrives] of places) {
  test.concurrent(`${target} is a chat too`, async () => {
    const { sent, seen, answer } = await chat('{"stream":true}', { target });
    expect(`${seen.upstream} ${seen.target}`).toBe(arrives);
    expect(JSON.parse(sent)).toEqual({ stream: true, stream_options: { include_usage: true } });
    expect(answer.text).toBe(withoutUsage);
  });
}

test.concurrent("chunks keep their usage of null, and the record has what the consumer didn't get", async () => {
  const { answer } = await chat('{"model":"gpt-4o","stream":true,"messages":[]}');
  expect(answer.text.match(/"usage":null/g)?.length).toBe(3);
  expect(answer.text).not.toContain("prompt_tokens");
  const record = await wire.recordOf(answer);
  expect(record).toMatchObject({ outcome: "answered", usage: { source: "provider", input: 12, output: 5, total: 17 } });
});

test.concurrent("who asked for usage gets it, of a request that nobody touched", async () => {
  const body = `{"stream":true, "stream_options" :{"include_usage": true}}`;
  const { sent, answer } = await chat(body);
  expect(sent).toBe(body);
  expect(answer.text).toBe(withUsage);
  expect((await wire.recordOf(answer)).usage).toMatchObject({ source: "provider", total: 17 });
});

const untouched: Readonly<Record<string, string>> = {
  "no stream": '{"model":"m"}',
  "stream false": '{"model":"m","stream":false}',
  "stream as text": '{"model":"m","stream":"true"}',
  "a stream of something within": '{"model":"m","x":{"stream":true}}',
  "broken JSON": '{"model":"m","stream":true',
  "an array": '[{"stream":true}]',
};

describe("a request that asks for no stream isn't touched, nor is its answer", () => {
  for (const [what, body] of Object.entries(untouched)) {
    test.concurrent(what, async () => {
      const { sent, answer } = await chat(body);
      expect([sent, answer.text]).toEqual([body, withUsage]);
    });
  }
});

describe("no other endpoint is touched", () => {
  const body = '{"model":"m","stream":true,"input":"hi"}';
  const targets = [
    "/v1/responses",
    "/v1/embeddings",
    "/v1/threads/t/runs",
    "/v1/images/generations",
    "/v1/audio/speech",
    "/v1/messages",
    "/v1beta/models/m:streamGenerateContent",
    "/v1/chat/completions/c1/messages",
  ];
  for (const target of targets) {
    test.concurrent(target, async () => {
      const { sent, answer } = await chat(body, { target });
      expect([sent, answer.text]).toEqual([body, withUsage]);
    });
  }
});

describe("a compressed request isn't touched, nor is its answer", () => {
  for (const [coding, compress] of Object.entries(codings)) {
    test.concurrent(coding, async () => {
      const body = compress(Buffer.from('{"model":"m","stream":true}'));
      const { sent, answer } = await chat(body, { headers: [json, ["content-encoding", coding]] });
      expect(hash(Buffer.from(sent, "latin1"))).toBe(hash(body));
      expect(answer.text).toBe(withUsage);
    });
  }
});

describe("the encoded answer of a call that was made to tell its usage is decoded", () => {
  for (const [coding, compress] of Object.entries(codings)) {
    test.concurrent(coding, async () => {
      const bytes = compress(Buffer.from(withUsage));
      const request = { method: "POST", target: "/v1/chat/completions", headers: [json], body: '{"stream":true}' };
      const { answer } = await wire.exchange(request, (seen) => {
        seen.begin([sse, ["content-encoding", coding]]);
        for (const piece of slices(bytes, [10, 1, 1, 1, 20])) seen.chunk(piece);
        seen.end();
      });
      expect(answer.text).toBe(withoutUsage);
      expect([answer.header("content-encoding"), answer.end]).toEqual([undefined, "clean"]);
      expect((await wire.recordOf(answer)).usage).toMatchObject({ source: "provider", total: 17 });
    });
  }
});

for (const [what, compress] of Object.entries({ "as it should be": deflateSync, "without its head": deflateRawSync })) {
  test.concurrent(`a deflated answer is decoded ${what}, byte by byte`, async () => {
    const request = { method: "POST", target: "/v1/chat/completions", headers: [json], body: '{"stream":true}' };
    const { answer } = await wire.exchange(request, async (seen) => {
      seen.begin([sse, ["content-encoding", "deflate"]]);
      for (const byte of compress(Buffer.from(withUsage))) await seen.push(frame(Buffer.of(byte)));
      seen.end();
    });
    expect([answer.text, answer.end, answer.header("content-encoding")]).toEqual([withoutUsage, "clean", undefined]);
    expect((await wire.recordOf(answer)).usage).toMatchObject({ source: "provider", total: 17 });
  });
}

describe("the answer of a call that was made to tell its usage is filtered, in whatever framing and letters", () => {
  const request = { method: "POST", target: "/v1/chat/completions", headers: [json], body: '{"stream":true}' };
  for (const [coding, compress] of [["identity", (bytes: Buffer) => bytes], ...Object.entries(codings)] as const) {
    test.concurrent(`in one piece of a declared length, ${coding}`, async () => {
      const { answer } = await wire.exchange(request, (seen) =>
        seen.answer({ headers: [sse, ["content-encoding", coding]], body: compress(Buffer.from(withUsage)) }),
      );
      expect([answer.text, answer.end]).toEqual([withoutUsage, "clean"]);
    });
  }
  test.concurrent("with a type in other letters", async () => {
    const { answer } = await wire.exchange(request, (seen) => {
      seen.begin([["content-type", "Text/Event-Stream; charset=utf-8"]]);
      seen.chunk(withUsage);
      seen.end();
    });
    expect([answer.text, answer.end]).toEqual([withoutUsage, "clean"]);
  });
});

test.concurrent("an answer that is no stream passes as it is", async () => {
  const body = '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
  const request = { method: "POST", target: "/v1/chat/completions", headers: [json], body: '{"stream":true}' };
  const { answer } = await wire.exchange(request, (seen) => seen.answer({ body }));
  expect([answer.text, answer.header("content-length")]).toEqual([body, String(body.length)]);
});

const kept: Readonly<Record<string, string>> = {
  "usage beside a choice": 'data: {"choices":[{"index":0,"delta":{}}],"usage":{"total_tokens":3}}\n\n',
  "no choices and no usage": 'data: {"choices":[],"prompt_filter_results":[]}\n\n',
  "no choices and no usage yet": 'data: {"choices":[],"usage":null}\n\n',
  "usage without choices": 'data: {"usage":{"total_tokens":3}}\n\n',
  "an error": 'data: {"error":{"message":"choices: [], usage: {}"}}\n\n',
};

describe("an event that only looks like the usage event stays", () => {
  for (const [what, event] of Object.entries(kept)) {
    test.concurrent(what, async () => {
      const request = { method: "POST", target: "/v1/chat/completions", headers: [json], body: '{"stream":true}' };
      const { answer } = await wire.exchange(request, (seen) => {
        seen.begin();
        seen.chunk(event);
        seen.chunk(done);
        seen.end();
      });
      expect(answer.text).toBe(event + done);
    });
  }
});

test.concurrent("STREAM_USAGE=off and a provider's stream_usage: off leave both sides alone, and the usage is still read", async () => {
  const body = '{"model":"m","stream":true}';
  const [everywhere, one] = await Promise.all([
    chat(body, {}, off),
    chat(body, { target: "/shy/v1/chat/completions" }),
  ]);
  for (const { sent, answer } of [everywhere, one]) expect([sent, answer.text]).toEqual([body, withUsage]);
  expect((await off.recordOf(everywhere.answer)).usage).toMatchObject({ source: "provider", total: 17 });
});

test.concurrent("with STREAM_USAGE=off a stream that tells no usage is estimated, and the record says so", async () => {
  const request = {
    method: "POST",
    target: "/v1/chat/completions",
    headers: [json],
    body: '{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"Say hello"}]}',
  };
  const { answer } = await off.exchange(request, (seen) => {
    seen.begin();
    for (const word of words) seen.chunk(word);
    seen.chunk(done);
    seen.end();
  });
  const { usage: counted } = await off.recordOf(answer);
  expect(counted.source).toBe("estimated");
  expect(counted.total).toBeGreaterThan(0);
});

test("the usage event alone is taken out, however a stream is written and wherever it is cut", async () => {
  const ends = fc.constantFrom("\n", "\r\n", "\r");
  const order = fc.record({
    usageAt: fc.integer({ min: 0, max: 3 }),
    end: ends,
    lengths: fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 60 }),
    space: fc.constantFrom("", " "),
  });
  await fc.assert(
    fc.asyncProperty(order, async ({ usageAt, end, lengths, space }) => {
      const write = (event: string) => event.replaceAll("\n", end).replaceAll("data: ", `data:${space}`);
      const rest = [...words, done].map(write);
      const stream = [...rest.slice(0, usageAt), write(usage), ...rest.slice(usageAt)].join("");
      const request = { method: "POST", target: "/v1/chat/completions", headers: [json], body: '{"stream":true}' };
      const { answer } = await wire.exchange(request, async (seen) => {
        seen.begin();
        for (const piece of slices(Buffer.from(stream), lengths)) await seen.push(frame(piece));
        seen.end();
      });
      expect([answer.text, answer.end]).toEqual([rest.join(""), "clean"]);
    }),
    { numRuns: 100 },
  );
}, 60_000);

test("whatever JSON object asks for a stream, it keeps every byte of its own", async () => {
  const members = fc.dictionary(
    fc.string().filter((name) => !["stream", "stream_options", "__proto__"].includes(name)),
    fc.jsonValue(),
    { maxKeys: 5 },
  );
  const spaces = fc.constantFrom(undefined, 1, "\t");
  await fc.assert(
    fc.asyncProperty(members, spaces, fc.boolean(), async (object, space, first) => {
      const body = JSON.stringify(first ? { stream: true, ...object } : { ...object, stream: true }, null, space);
      const { sent } = await chat(body);
      const inserted = insertion(Buffer.from(body).toString("latin1"), sent);
      expect([`${option},`, `,${option}`]).toContain(inserted ?? sent);
      expect(JSON.parse(Buffer.from(sent, "latin1").toString())).toEqual({
        ...(JSON.parse(body) as object),
        stream: true,
        stream_options: { include_usage: true },
      });
    }),
    { numRuns: 100 },
  );
}, 60_000);
