import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openai } from "./chat.ts";
import type { Answer } from "./client.ts";
import type { Header } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(() => wire[Symbol.asyncDispose]());

/** An answer with these headers, as the consumer gets it. */
async function receive(headers: readonly Header[], sent: readonly Header[] = [], status = "200 OK"): Promise<Answer> {
  const { answer } = await wire.exchange(
    { method: "POST", target: "/v1/responses", headers: sent, body: "{}" },
    (seen) => seen.answer({ status, headers: [["content-type", "application/json"], ...headers] }),
  );
  return answer;
}

const passing: readonly Header[] = [
  ["retry-after", "3"],
  ["retry-after-ms", "2500"],
  ["x-request-id", "req_up"],
  ["request-id", "req_ant"],
  ["x-ratelimit-limit-requests", "100"],
  ["x-ratelimit-remaining-tokens", "99"],
  ["anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:00Z"],
  ["openai-processing-ms", "12"],
  ["openai-organization", "org"],
  ["content-disposition", 'attachment; filename="a.jsonl"'],
  ["cache-control", "private, max-age=1"],
  ["etag", 'W/"1"'],
  ["location", "/v1/elsewhere"],
  ["date", "Thu, 01 Jan 2026 00:00:00 GMT"],
  ["server", "cloudflare"],
  ["via", "1.1 google"],
  ["x-goog-of-tomorrow", "yes"],
  ["strict-transport-security", "max-age=1"],
  ["x-should-retry", "true"],
  ["content-language", "de"],
];

test.concurrent("what the upstream says comes down as it is", async () => {
  for (const status of ["200 OK", "429 Too Many Requests"]) {
    const answer = await receive(passing, [], status);
    for (const [name, value] of passing) expect(`${name}: ${answer.header(name)}`).toBe(`${name}: ${value}`);
  }
});

test.concurrent("nothing is added but ids and timing", async () => {
  const answer = await receive(passing);
  const added = answer.headers
    .map(([name]) => name.toLowerCase())
    .filter((name) => passing.every(([known]) => known !== name));
  expect(added.toSorted()).toEqual([
    "content-length",
    "content-type",
    "server-timing",
    "x-weir-exchange-id",
    "x-weir-trace-id",
  ]);
});

test.concurrent("cookies come down apart", async () => {
  const answer = await receive([
    ["set-cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"],
    ["set-cookie", "b=2"],
  ]);
  const cookies = answer.headers.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value);
  expect(cookies).toEqual(["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"]);
});

test.concurrent("hop-by-hop headers and those that Connection names don't come down", async () => {
  const answer = await receive([
    ["connection", "keep-alive, x-hop"],
    ["x-hop", "gone"],
    ["keep-alive", "timeout=5, max=gone"],
    ["proxy-authenticate", "Basic gone"],
    ["trailer", "gone"],
    ["x-kept", "kept"],
  ]);
  expect(answer.header("x-kept")).toBe("kept");
  expect(answer.headers.map(([, value]) => value).join()).not.toContain("gone");
});

test.concurrent("bytes beyond ASCII in a value stay", async () => {
  const answer = await receive([["x-name", Buffer.from("zoë").toString("latin1")]]);
  expect(Buffer.from(answer.header("x-name") ?? "", "latin1").toString()).toBe("zoë");
});

test.concurrent("an upstream can't say which exchange this was", async () => {
  const answer = await receive([
    ["x-weir-exchange-id", "forged"],
    ["x-weir-trace-id", "forged"],
  ]);
  expect(answer.headers.map(([, value]) => value)).not.toContain("forged");
});

test.concurrent("server-timing tells our time and the upstream's, beside what the upstream says itself", async () => {
  const started = performance.now();
  const { answer } = await wire.exchange({ method: "POST", target: "/v1/responses", body: "{}" }, async (seen) => {
    await Bun.sleep(120);
    seen.answer({ headers: [["server-timing", "db;dur=1"]] });
  });
  const all = answer.header("server-timing") ?? "";
  const [, weir, upstream] = /weir;dur=([\d.]+), upstream;dur=([\d.]+)/.exec(all) ?? [];
  expect(all).toContain("db;dur=1");
  expect(Number(weir)).toBeGreaterThanOrEqual(0);
  expect(Number(upstream)).toBeGreaterThanOrEqual(115);
  // What is the upstream's isn't ours too.
  expect(Number(weir) + Number(upstream)).toBeLessThan(answer.endedAt - started + 1);
});

test.concurrent("x-request-id is ours only where the upstream sent none", async () => {
  const values = (answer: Answer) =>
    answer.headers.filter(([name]) => name.toLowerCase() === "x-request-id").map(([, value]) => value);
  expect(values(await receive([["x-request-id", "req_up"]], [["x-request-id", "mine"]]))).toEqual(["req_up"]);
  expect(values(await receive([])).length).toBe(1);
});

describe("the trace id", () => {
  const traceOf = async (headers: readonly Header[]) => {
    const answer = await receive([], headers);
    const record = await wire.recordOf(answer);
    expect(record.trace_id).toBe(answer.header("x-weir-trace-id") ?? "none");
    return record;
  };
  const hex = "4bf92f3577b34da6a3ce929d0e0e4736";
  const parent = `00-${hex}-00f067aa0ba902b7-01`;

  test.concurrent("is a UUID's of X-Request-Id, without dashes", async () => {
    const { trace_id } = await traceOf([["x-request-id", "0AF76519-16CD-43DD-8448-EB211C80319C"]]);
    expect(trace_id).toBe("0af7651916cd43dd8448eb211c80319c");
  });

  test.concurrent("is 32 hex digits as they are", async () => {
    expect((await traceOf([["x-request-id", hex]])).trace_id).toBe(hex);
  });

  test.concurrent("is the beginning of any other text's SHA-256, the same each time", async () => {
    for (const text of ["my request", "x".repeat(1000)]) {
      const hashed = createHash("sha256").update(text).digest("hex").slice(0, 32);
      expect((await traceOf([["x-request-id", text]])).trace_id).toBe(hashed);
      expect((await traceOf([["x-request-id", text]])).trace_id).toBe(hashed);
    }
  });

  test.concurrent("is a traceparent's, whose span is the parent", async () => {
    expect(await traceOf([["traceparent", parent]])).toMatchObject({
      trace_id: hex,
      parent_span_id: "00f067aa0ba902b7",
    });
  });

  test.concurrent("is X-Request-Id's where both come, and traceparent is a link", async () => {
    const record = await traceOf([
      ["x-request-id", "0af7651916cd43dd8448eb211c80319c"],
      ["traceparent", parent],
    ]);
    expect(record).toMatchObject({
      trace_id: "0af7651916cd43dd8448eb211c80319c",
      linked_trace: { trace_id: hex, span_id: "00f067aa0ba902b7" },
    });
    expect(record.parent_span_id).toBeUndefined();
  });

  test.concurrent("is new where nothing gives one", async () => {
    const one = await traceOf([]);
    const other = await traceOf([]);
    expect(one.trace_id).toMatch(/^[0-9a-f]{32}$/);
    expect(one.trace_id).not.toBe(other.trace_id);
  });
});

for (const status of ["600 Odd", "999 Odder", "100000 Oddest"]) {
  test.concurrent(`a status of ${status} is no status: 502 upstream_failed`, async () => {
    const answer = await receive([], [], status);
    expect([answer.status, answer.header("x-weir-error")]).toEqual([502, "upstream_failed"]);
  });
}

test.concurrent("103 Early Hints don't take the place of the answer", async () => {
  const { answer } = await wire.exchange({ target: "/v1/models" }, async (seen) => {
    seen.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    await Bun.sleep(30);
    seen.answer({ body: '{"a":1}' });
  });
  expect([answer.status, answer.text]).toEqual([200, '{"a":1}']);
});

test.concurrent("an answer without a type gets none", async () => {
  for (const body of ["hello", ""]) {
    const { answer } = await wire.exchange({ target: "/v1/x" }, (seen) => seen.answer({ headers: [], body }));
    expect([answer.text, answer.end, answer.header("content-type")]).toEqual([body, "clean", undefined]);
    expect(answer.header("content-length")).toBe(String(body.length));
  }
});

test.concurrent("a HEAD whose answer has no length gets none, and its connection can be used again", async () => {
  const running = wire.open({ method: "HEAD", target: "/v1/x" }, (seen) => seen.begin());
  const answer = await running.answer;
  expect([answer.status, answer.header("content-length")]).toEqual([200, undefined]);
  const again = Promise.withResolvers<string>();
  running.socket.on("data", (bytes: Buffer) => again.resolve(bytes.toString()));
  running.write("GET /live HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(await again.promise).toStartWith("HTTP/1.1 200 OK\r\n");
  running.leave();
});

test("RESPONSE_USAGE_HEADERS adds the usage of a JSON answer, and leaves streams alone", async () => {
  await using telling = await openWire({ env: { RESPONSE_USAGE_HEADERS: "true" } });
  const body =
    '{"id":"chatcmpl-1","model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17}}';
  const request = {
    method: "POST",
    target: "/v1/chat/completions",
    headers: [["content-type", "application/json"]] as Header[],
    body: '{"model":"gpt-4o-mini"}',
  };
  const json = await telling.exchange(request, (seen) => seen.answer({ body }));
  const header = (name: string) => json.answer.header(`x-llm-${name}`);
  expect(json.answer.text).toBe(body);
  expect([header("input-tokens"), header("output-tokens"), header("total-tokens")]).toEqual(["12", "5", "17"]);
  expect([header("provider"), header("model"), header("request-id")]).toEqual(["openai", "gpt-4o-mini", "chatcmpl-1"]);
  const stream = await telling.exchange(request, (seen) => {
    seen.begin();
    seen.chunk("data: [DONE]\n\n");
    seen.end();
  });
  expect(stream.answer.headers.filter(([name]) => /^x-llm/i.test(name))).toEqual([]);
  const events = openai.say("x") + openai.last;
  const batch = `{"response":{"body":${body}}}\n${body}`;
  for (const [type, whole] of Object.entries({
    "text/event-stream": events,
    "application/octet-stream": body,
    "application/jsonl": batch,
  })) {
    const { answer } = await telling.exchange(request, (seen) =>
      seen.answer({ headers: [["content-type", type]], body: whole }),
    );
    expect([type, ...answer.headers.filter(([name]) => /^x-llm/i.test(name))]).toEqual([type]);
  }
  const plain = await wire.exchange(request, (seen) => seen.answer({ body }));
  expect(plain.answer.headers.filter(([name]) => /^x-llm/i.test(name))).toEqual([]);
});
