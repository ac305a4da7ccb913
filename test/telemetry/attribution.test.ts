import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { send } from "../wire/client.ts";
import { metadata, observation } from "./observation.ts";
import { openStage, type Stage } from "./stage.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage({
    env: { LANGFUSE_TRACING_ENVIRONMENT: "Staging EU", LANGFUSE_RELEASE: "2026.11" },
  });
});

afterAll(() => stage[Symbol.asyncDispose]());

const chat = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hi" }] };
const answer = () =>
  Response.json({
    id: "chatcmpl-1",
    model: "gpt-4o-mini-2024-07-18",
    choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });

function record(headers: Readonly<Record<string, string>>) {
  return stage.record("/v1/chat/completions", { body: chat, headers }, answer);
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

const long = "r".repeat(1_000);

test.each([
  ["a UUID", "0AF76519-16CD-43DD-8448-EB211C80319C", "0af7651916cd43dd8448eb211c80319c"],
  ["32 hex digits", "0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c"],
  ["free text", "order 17/b", hashOf("order 17/b")],
  ["1,000 characters", long, hashOf(long)],
  ["nothing but zeros", "0".repeat(32), hashOf("0".repeat(32))],
])(
  "a request id that is %s gives the trace's id by a rule that anybody can follow, and it is echoed",
  async (_, id, traceId) => {
    stage.upstream.answer = answer;
    const response = await stage.call("/v1/chat/completions", { body: chat, headers: { "x-request-id": id } });
    await response.arrayBuffer();
    const span = await stage.spanOf(response);

    expect(response.headers.get("x-weir-trace-id")).toBe(traceId);
    expect(span.traceId).toBe(traceId);
    expect(metadata(span)["request_id"]).toBe(id);
    expect(span.spanId).toBe(metadata(span)["exchange_id"]?.toString().replaceAll("-", "").slice(16) ?? "");
  },
);

test("two exchanges of one request id are two observations of one trace", async () => {
  const headers = { "x-request-id": "order 18" };
  const first = await record(headers);
  const second = await record(headers);
  expect(second.traceId).toBe(first.traceId);
  expect(second.spanId).not.toBe(first.spanId);
});

test("a traceparent is joined, and linked to where a request id names the trace", async () => {
  const parent = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
  const traceparent = `00-${parent.traceId}-${parent.spanId}-01`;
  expect(await record({ traceparent })).toMatchObject({
    traceId: parent.traceId,
    parentSpanId: parent.spanId,
    links: [],
  });
  const named = await record({ traceparent, "x-request-id": "order 19" });
  expect(named).toMatchObject({ traceId: hashOf("order 19"), links: [parent] });
  expect(named).not.toHaveProperty("parentSpanId");
});

test("each attribution header arrives at its place", async () => {
  const span = await record({
    "x-user-id": "user-1",
    "x-session-id": "session-1",
    "x-langfuse-tags": " beta, ,vip ",
    "x-langfuse-metadata": '{"org":"o1","limits":{"n":5},"status":"hacked","truncated":true}',
    "x-langfuse-trace-name": "Answer a ticket",
    "x-langfuse-environment": "Prod EU!",
    "x-langfuse-release": "r-7",
    "x-langfuse-version": "v-2",
    "x-langfuse-prompt-name": "greet",
    "x-langfuse-prompt-version": "3",
  });

  expect(span.attributes).toMatchObject({
    "user.id": "user-1",
    "session.id": "session-1",
    "langfuse.trace.tags": ["beta", "vip"],
    "langfuse.trace.name": "Answer a ticket",
    "langfuse.environment": "prod-eu-",
    "langfuse.release": "r-7",
    "langfuse.version": "v-2",
  });
  expect(observation(span)).toMatchObject({ "prompt.name": "greet", "prompt.version": 3 });
  // What a consumer says never hides what was seen.
  expect(metadata(span)).toMatchObject({ org: "o1", limits: { n: 5 }, status: 200, truncated: false });
  expect(metadata(span)["deployment_environment"]).toBe("Prod EU!");
  expect(metadata(span)).not.toHaveProperty("ignored_attribution");
});

test("where a consumer says nothing, the operator's environment and release hold, and the path is the name", async () => {
  const span = await record({});
  expect(span.attributes).toMatchObject({
    "langfuse.trace.name": "/v1/chat/completions",
    "langfuse.environment": "staging-eu",
    "langfuse.release": "2026.11",
  });
  expect(metadata(span)["deployment_environment"]).toBe("Staging EU");
});

test("names that are no ASCII arrive as they were written", async () => {
  stage.upstream.answer = answer;
  // On the wire a header is bytes; people write UTF-8 into them.
  const onWire = (text: string) => Buffer.from(text).toString("latin1");
  const response = await send(Number(new URL(stage.weir.url).port), {
    method: "POST",
    target: "/v1/chat/completions",
    headers: [
      ["content-type", "application/json"],
      ["x-user-id", onWire("Zoë 佐藤 🙂")],
      ["x-session-id", onWire("Gespräch №1")],
      ["x-langfuse-tags", onWire("schön,新")],
      ["x-request-id", onWire("Bestellung für Zoë")],
    ],
    body: JSON.stringify(chat),
  });
  const traceId = hashOf("Bestellung für Zoë");
  const spans = await stage.langfuse.waitFor((all) => all.some((span) => span.traceId === traceId));
  expect(response.status).toBe(200);
  expect(spans.find((span) => span.traceId === traceId)?.attributes).toMatchObject({
    "user.id": "Zoë 佐藤 🙂",
    "session.id": "Gespräch №1",
    "langfuse.trace.tags": ["schön", "新"],
  });
});

test.each([
  ["metadata that is no JSON", { "x-langfuse-metadata": "{org:1" }, "x-langfuse-metadata"],
  ["metadata that is a list", { "x-langfuse-metadata": '["org"]' }, "x-langfuse-metadata"],
  ["a user of 1,001 characters", { "x-user-id": "u".repeat(1_001) }, "x-user-id"],
  ["a prompt without a version", { "x-langfuse-prompt-name": "greet" }, "x-langfuse-prompt-version"],
  [
    "a prompt whose version is no number",
    { "x-langfuse-prompt-name": "greet", "x-langfuse-prompt-version": "latest" },
    "x-langfuse-prompt-version",
  ],
])("%s fails no request, is left out, and the record says so", async (_, headers, named) => {
  const span = await record(headers);
  expect(metadata(span)["status"]).toBe(200);
  expect(metadata(span)["ignored_attribution"]).toEqual([expect.stringContaining(named)]);
  expect(Object.keys(span.attributes)).not.toContain("user.id");
  expect(Object.keys(observation(span))).not.toContain("prompt.name");
});

test("a user of 1,000 characters arrives whole", async () => {
  expect((await record({ "x-user-id": "u".repeat(1_000) })).attributes["user.id"]).toBe("u".repeat(1_000));
});
