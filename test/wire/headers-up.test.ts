import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Request } from "./client.ts";
import { findHeader, type Header, type Seen } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

let wire: Wire;
let tracing: Wire;
beforeAll(async () => {
  [wire, tracing] = await Promise.all([
    openWire({
      yaml: ({ other }) => `
        providers:
          kind: { base_url: "${other}", dialect: openai, forward_attribution: true }
          dressed:
            base_url: "${other}"
            dialect: openai
            headers: { HTTP-Referer: "https://app.example", X-Title: "An app" }
            query: { api-version: "2025-01-01" }
          kimi: { base_url: "${other}", dialect: anthropic }`,
    }),
    openWire({ env: { PROPAGATE_TRACE: "true", ANTHROPIC_VERSION: "2024-10-22" } }),
  ]);
});
afterAll(async () => {
  await wire[Symbol.asyncDispose]();
  await tracing[Symbol.asyncDispose]();
});

const json: Header = ["content-type", "application/json"];

/** What the upstream got of a request with these headers. */
async function deliver(headers: readonly Header[], more: Partial<Request> = {}, on = wire): Promise<Seen> {
  const request = { method: "POST", target: "/v1/responses", body: "{}", ...more, headers: [json, ...headers] };
  const { answer, seen } = await on.exchange(request);
  const [only] = seen;
  if (only === undefined) throw new Error(`Nothing arrived: ${answer.status} ${answer.text}`);
  return only;
}

/** Names in lower case, sorted: their order and case are the wire's own affair. */
const names = (headers: readonly Header[]) => headers.map(([name]) => name.toLowerCase()).toSorted();

const passing: readonly Header[] = [
  ["openai-beta", "assistants=v2"],
  ["openai-organization", "org-1"],
  ["idempotency-key", "11111111-1111-1111-1111-111111111111"],
  ["anthropic-beta", "a-2024,b-2025"],
  ["anthropic-dangerous-direct-browser-access", "true"],
  ["user-agent", "OpenAI/Python 9.9.9 (x; y)"],
  ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
  ["tracestate", "vendor=1"],
  ["accept", "text/event-stream, */*;q=0.1"],
  ["accept-language", "de, en;q=0.5"],
  ["accept-encoding", "gzip, deflate, br, zstd"],
  ["x-stainless-lang", "python"],
  ["x-stainless-retry-count", "0"],
  ["x-claude-code-session-id", "s-1"],
  ["session-id", "s-2"],
  ["x-goog-api-client", "google-genai-sdk/3"],
  ["x-request-id", "mine"],
  ["cookie", "a=1; b=2"],
  ["cache-control", "no-cache"],
  ["x-of-tomorrow", "  spaced   out "],
  ["x-empty", ""],
];

test.concurrent("what a consumer sends goes up as it is, and nothing is added", async () => {
  const seen = await deliver(passing);
  const wanted = [...passing.map(([name, value]): Header => [name, value.trim()]), json];
  for (const [name, value] of wanted) expect(`${name}: ${seen.header(name)}`).toBe(`${name}: ${value}`);
  const ours = ["host", "connection", "content-length", "x-script"];
  expect(names(seen.headers)).toEqual([...names(wanted), ...ours].toSorted());
});

test.concurrent("where a consumer sends neither, Accept and User-Agent alone are added", async () => {
  const seen = await deliver([]);
  expect(names(seen.headers)).toEqual([
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "user-agent",
    "x-script",
  ]);
});

test.concurrent("a header that comes twice goes up with both values, in order", async () => {
  const seen = await deliver([
    ["anthropic-beta", "a-2024"],
    ["x-other", "1"],
    ["anthropic-beta", "b-2025"],
  ]);
  expect(seen.header("anthropic-beta")).toBe("a-2024, b-2025");
});

test.concurrent("the host that the upstream hears is its own", async () => {
  const seen = await deliver([["host", "gateway.localhost"]]);
  expect(seen.header("host")).toBe(`127.0.0.1:${wire.upstreams.openai.port}`);
});

test.concurrent("bytes beyond ASCII in a value stay", async () => {
  const bytes = Buffer.from("zoë 😀").toString("latin1");
  const seen = await deliver([["x-name", bytes]]);
  expect(Buffer.from(seen.header("x-name") ?? "", "latin1").toString()).toBe("zoë 😀");
});

const dropped: Readonly<Record<string, readonly Header[]>> = {
  "hop-by-hop headers and those that Connection names": [
    ["connection", "close, x-named , X-Other"],
    ["x-named", "gone"],
    ["x-other", "gone"],
    ["keep-alive", "timeout=5"],
    ["te", "trailers"],
    ["trailer", "x-checksum"],
    ["proxy-authorization", "Basic gone"],
    ["proxy-connection", "keep-alive"],
  ],
  "headers of ours": [
    ["x-weir-anything", "gone"],
    ["X-Weir-Exchange-Id", "gone"],
  ],
  attribution: [
    ["x-user-id", "gone"],
    ["x-session-id", "gone"],
    ["x-langfuse-tags", "gone"],
    ["x-langfuse-metadata", '{"gone":1}'],
    ["X-Langfuse-Of-Tomorrow", "gone"],
  ],
  "what the network added": [
    ["x-forwarded-for", "203.0.113.9"],
    ["x-forwarded-proto", "https"],
    ["x-forwarded-host", "gone"],
    ["X-Forwarded-Of-Tomorrow", "gone"],
    ["x-real-ip", "203.0.113.9"],
    ["forwarded", "for=203.0.113.9"],
    ["cf-connecting-ip", "203.0.113.9"],
    ["via", "1.1 gone"],
  ],
};

for (const [what, headers] of Object.entries(dropped)) {
  test.concurrent(`${what} don't go up`, async () => {
    const seen = await deliver([["x-kept", "kept"], ...headers]);
    expect(seen.header("x-kept")).toBe("kept");
    for (const [name, value] of headers) expect(`${name}: ${seen.header(name) ?? ""}`).not.toBe(`${name}: ${value}`);
    expect(seen.head).not.toMatch(/gone|203\.0\.113\.9/);
  });
}

describe("anthropic-version", () => {
  const versionOf = async (target: string, headers: readonly Header[] = [], on = wire) =>
    (await deliver(headers, { target }, on)).header("anthropic-version");

  test.concurrent("is added where an Anthropic call has none", async () => {
    expect(await versionOf("/v1/messages")).toBe("2023-06-01");
    expect(await versionOf("/anthropic/v1/models")).toBe("2023-06-01");
    expect(await versionOf("/kimi/v1/messages")).toBe("2023-06-01");
    expect(await versionOf("/v1/messages", [], tracing)).toBe("2024-10-22");
  });

  test.concurrent("stays what the consumer said", async () => {
    expect(await versionOf("/v1/messages", [["anthropic-version", "2020-01-01"]])).toBe("2020-01-01");
    expect(await versionOf("/v1/models", [["anthropic-version", "2020-01-01"]])).toBe("2020-01-01");
  });

  test.concurrent("is nobody else's", async () => {
    expect(await versionOf("/v1/responses")).toBeUndefined();
    expect(await versionOf("/v1beta/models/m:generateContent")).toBeUndefined();
  });
});

test.concurrent("a provider with forward_attribution gets user and session, and no other attribution", async () => {
  const headers: Header[] = [
    ["x-user-id", "u-1"],
    ["x-langfuse-tags", "a"],
  ];
  const seen = await deliver(headers, { target: "/kind/v1/responses" });
  expect(seen.header("x-user-id")).toBe("u-1");
  expect(seen.header("x-session-id")).toStartWith("script-");
  expect(seen.header("x-langfuse-tags")).toBeUndefined();
});

test.concurrent("a configured provider's own headers and query go with every call", async () => {
  const seen = await deliver([["x-title", "the consumer's"]], { target: "/dressed/v1/responses?a=%41" });
  expect([seen.header("http-referer"), seen.header("x-title")]).toEqual(["https://app.example", "An app"]);
  expect(seen.target).toBe("/v1/responses?a=%41&api-version=2025-01-01");
  expect((await deliver([], { target: "/dressed/v1/responses" })).target).toBe("/v1/responses?api-version=2025-01-01");
});

test.concurrent("PROPAGATE_TRACE adds a traceparent that joins the exchange's trace, unless there is one", async () => {
  const { answer, seen } = await tracing.exchange({
    method: "POST",
    target: "/v1/responses",
    headers: [json],
    body: "{}",
  });
  const [, trace, span] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]$/.exec(seen[0]?.header("traceparent") ?? "") ?? [];
  expect(trace).toBe(answer.header("x-weir-trace-id") ?? "none");
  expect(span).toBe((await tracing.recordOf(answer)).span_id);
  const own: Header = ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"];
  expect((await deliver([own], {}, tracing)).header("traceparent")).toBe(own[1]);
  expect((await deliver([])).header("traceparent")).toBeUndefined();
});

test.concurrent("attribution with bytes beyond ASCII is recorded as it was meant", async () => {
  const utf8 = (text: string) => Buffer.from(text).toString("latin1");
  const headers: Header[] = [
    ["x-user-id", utf8("zoë")],
    ["x-langfuse-tags", utf8("größe, b")],
    ["x-langfuse-metadata", utf8('{"name":"日本"}')],
    ["x-request-id", "r-1"],
  ];
  const { answer } = await wire.exchange({ method: "POST", target: "/v1/responses", headers, body: "{}" });
  expect((await wire.recordOf(answer)).attribution).toMatchObject({
    user: "zoë",
    tags: ["größe", "b"],
    metadata: { name: "日本" },
    request_id: "r-1",
  });
});

test.concurrent("malformed attribution fails no request, and the record says what was ignored", async () => {
  const headers: Header[] = [
    ["x-langfuse-metadata", "{nope"],
    ["x-langfuse-prompt-version", "first"],
    ["traceparent", "nonsense"],
  ];
  const { answer, seen } = await wire.exchange({ method: "POST", target: "/v1/responses", headers, body: "{}" });
  expect(answer.status).toBe(200);
  expect(findHeader(seen[0]?.headers ?? [], "traceparent")).toBe("nonsense");
  const { attribution } = await wire.recordOf(answer);
  expect(attribution.metadata).toBeUndefined();
  expect(attribution.ignored?.length).toBeGreaterThan(0);
});
