import { afterAll, beforeAll, expect, test } from "bun:test";
import { openCall, send } from "../wire/client.ts";
import { metadata, observation } from "./observation.ts";
import { openStage, type Stage } from "./stage.ts";
import { dataEvent, events, namedEvent } from "./upstream.ts";

let stage: Stage;

beforeAll(async () => {
  const keys = { UPSTREAM_API_KEY: "sk-1", ANTHROPIC_API_KEY: "sk-ant-1", GEMINI_API_KEY: "AIza1" };
  stage = await openStage({ env: { ...keys, PROXY_API_KEY: "gate-key" } });
});

afterAll(() => stage[Symbol.asyncDispose]());

const who = { "x-user-id": "user-1", "x-session-id": "session-1", "x-langfuse-tags": "vip" };
const headers = { authorization: "Bearer gate-key", ...who };
const said = { "user.id": "user-1", "session.id": "session-1", "langfuse.trace.tags": ["vip"] };
const messages = [{ role: "user", content: "Hi" }];
const chat = { model: "gpt-4o-mini", messages };

const routes = [
  ["OpenAI", "/v1/chat/completions", chat, "gpt-4o-mini"],
  ["Anthropic", "/v1/messages", { model: "claude-sonnet-4-5", max_tokens: 9, messages }, "claude-sonnet-4-5"],
  [
    "Gemini",
    "/v1beta/models/gemini-2.5-flash:generateContent",
    { contents: [{ parts: [{ text: "Hi" }] }] },
    "gemini-2.5-flash",
  ],
] as const;
const errors = [
  ["400", 400, { error: { type: "invalid_request_error", message: "It is wrong" } }, "It is wrong"],
  ["429", 429, { error: { type: "rate_limit_error", message: "Too fast" } }, "Too fast"],
  ["500", 500, { error: { message: "It broke" } }, "It broke"],
  ["529", 529, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }, "Overloaded"],
  ["502 as a web page", 502, "<html><title>Bad Gateway</title></html>", "HTTP 502"],
] as const;

test.each(errors.flatMap((error) => routes.map((route) => [error[0], route[0], error, route] as const)))(
  "a provider's %s at %s arrives as an error with its message, its model and who asked, after one attempt",
  async (_, __, [, status, body, message], [, path, request, model]) => {
    const before = stage.upstream.requests().length;
    const type = typeof body === "string" ? "text/html" : "application/json";
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const span = await stage.record(path, { body: request, headers }, () => {
      return new Response(text, { status, headers: { "content-type": type, "retry-after": "7" } });
    });

    expect(observation(span)).toMatchObject({
      type: "generation",
      level: "ERROR",
      status_message: message,
      "model.name": model,
    });
    expect(span.status.code).toBe(2);
    expect(span.attributes).toMatchObject(said);
    expect(metadata(span)["status"]).toBe(status);
    expect(observation(span)).not.toHaveProperty("usage_details");
    expect(observation(span)).not.toHaveProperty("cost_details");
    expect(stage.upstream.requests().length - before).toBe(1);
  },
);

test("a refusal arrives as an error with its code and who asked, and without a body", async () => {
  const refused = await stage.call("/v1/chat/completions", {
    body: { model: "gpt-4o-mini", messages: [{ role: "user", content: "nobody's words" }] },
    headers: { ...who, authorization: "Bearer wrong-key" },
  });
  const span = await stage.spanOf(refused);

  expect(refused.status).toBe(401);
  expect(observation(span)).toMatchObject({ level: "ERROR", status_message: expect.stringContaining("not accepted") });
  expect(metadata(span)).toMatchObject({ outcome: "refused", cause: "invalid_api_key", status: 401 });
  expect(span.attributes).toMatchObject(said);
  expect(JSON.stringify(span)).not.toContain("nobody's words");
  expect(JSON.stringify(span)).not.toContain("wrong-key");
});

test("a path that nobody answers at arrives as an error", async () => {
  const span = await stage.spanOf(await stage.call("/nope", { headers }));
  expect(observation(span)).toMatchObject({ type: "span", level: "ERROR" });
  expect(metadata(span)).toMatchObject({ cause: "not_found", status: 404, path: "/nope" });
});

const chunk = (delta: object, finish_reason: string | null = null) => ({
  model: "gpt-4o-mini-2024-07-18",
  choices: [{ index: 0, delta, finish_reason }],
});

/** Forty pieces of text, and the end of a stream. */
const forty = [
  ...Array.from({ length: 40 }, (_, index) => chunk({ content: `w${index} ` })),
  chunk({}, "stop"),
  {
    model: "gpt-4o-mini-2024-07-18",
    choices: [],
    usage: { prompt_tokens: 9, completion_tokens: 40, total_tokens: 49 },
  },
  "[DONE]",
].map(dataEvent);

function port(): number {
  return Number(new URL(stage.weir.url).port);
}

/** A call over a connection of its own, which can be left; the request id names its trace. */
function openStream(path: string, body: object, traceId: string) {
  const json = { "content-type": "application/json", "x-request-id": traceId };
  return openCall(port(), {
    method: "POST",
    target: path,
    headers: Object.entries({ ...headers, ...json }),
    body: JSON.stringify({ ...body, stream: true }),
  });
}

async function spanOfTrace(traceId: string) {
  const find = () => stage.langfuse.spans().find((span) => span.traceId === traceId);
  await stage.langfuse.waitFor(() => find() !== undefined);
  const span = find();
  if (span === undefined) throw new Error(`There is no span in trace ${traceId}`);
  return span;
}

test("a consumer that leaves a stream leaves a warning, what it got, and an estimate of what that used", async () => {
  const traceId = "a".repeat(32);
  stage.upstream.answer = () => events(forty, 10);
  const call = openStream("/v1/chat/completions", chat, traceId);
  await call.until("w4 ");
  call.leave();
  const span = await spanOfTrace(traceId);

  expect(observation(span)).toMatchObject({ type: "generation", level: "WARNING" });
  expect(JSON.stringify(observation(span)["output"])).toContain("w0 w1 w2 w3 w4 ");
  expect(JSON.stringify(observation(span)["output"])).not.toContain("w39");
  expect(metadata(span)).toMatchObject({ outcome: "aborted", cause: "client_closed", usage_source: "estimated" });
  expect(observation(span)["usage_details"]).toMatchObject({ input: expect.any(Number), output: expect.any(Number) });
  expect(span.attributes).toMatchObject(said);
});

test("of a stream that was left, what the provider had said of its usage stays", async () => {
  const traceId = "b".repeat(32);
  const usage = { input_tokens: 100, cache_read_input_tokens: 30, output_tokens: 1 };
  const text = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "and on ".repeat(20) } };
  stage.upstream.answer = () =>
    events(
      [
        namedEvent({ type: "message_start", message: { model: "claude-sonnet-4-5-20250929", usage } } as {
          type: string;
        }),
        namedEvent({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as {
          type: string;
        }),
        ...Array.from({ length: 40 }, () => namedEvent(text)),
      ],
      10,
    );
  const call = openStream("/v1/messages", { model: "claude-sonnet-4-5", max_tokens: 900, messages }, traceId);
  await call.until("and on");
  call.leave();
  const details = observation(await spanOfTrace(traceId))["usage_details"];
  expect(details).toMatchObject({ input: 100, input_cached_tokens: 30 });
  expect(details).toHaveProperty("output", expect.any(Number));
  const { output } = details as { readonly output: number };
  expect(output).toBeGreaterThan(30);
});

test("a stream that its provider breaks off arrives as an error with the part that came", async () => {
  const traceId = "c".repeat(32);
  stage.upstream.answer = () => {
    const sent = forty.slice(0, 5).join("");
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode(sent));
        await Bun.sleep(1000);
        controller.error(undefined);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  const answer = await openStream("/v1/chat/completions", chat, traceId).answer;
  const span = await spanOfTrace(traceId);

  expect(answer.end).not.toBe("clean");
  expect(observation(span)).toMatchObject({ level: "ERROR", output: { content: "w0 w1 w2 w3 w4 " } });
  expect(metadata(span)).toMatchObject({ outcome: "failed", cause: "upstream_reset", status: 200 });
});

test("a stream that ends without its own end is an error too, though its connection was closed in order", async () => {
  const span = await stage.record("/v1/chat/completions", { body: { ...chat, stream: true }, headers }, () =>
    events(forty.slice(0, 5)),
  );
  expect(observation(span)).toMatchObject({ level: "ERROR", output: { content: "w0 w1 w2 w3 w4 " } });
  expect(metadata(span)).toMatchObject({ outcome: "failed", cause: "upstream_incomplete" });
});

test("a provider that can't be reached arrives as an error with who asked", async () => {
  await using broken = await openStage({ env: { UPSTREAM_BASE_URL: "http://127.0.0.1:1" } });
  const refused = await broken.call("/v1/chat/completions", { body: chat, headers: who });
  const span = await broken.spanOf(refused);
  expect(refused.status).toBe(502);
  expect(observation(span)).toMatchObject({ level: "ERROR", "model.name": "gpt-4o-mini" });
  expect(metadata(span)).toMatchObject({ outcome: "failed", cause: "upstream_unreachable" });
  expect(span.attributes).toMatchObject(said);
});

test("an answer without a body is recorded", async () => {
  const removed = await stage.record(
    "/v1/files/file-1",
    { method: "DELETE", headers },
    () => new Response(null, { status: 204 }),
  );
  expect(metadata(removed)).toMatchObject({ status: 204, method: "DELETE", outcome: "answered" });
  stage.upstream.answer = () => new Response(null);
  const asked = await send(port(), {
    method: "HEAD",
    target: "/v1/models",
    headers: Object.entries({ ...headers, "x-request-id": "d".repeat(32) }),
  });
  expect(asked.status).toBe(200);
  expect(metadata(await spanOfTrace("d".repeat(32)))).toMatchObject({ method: "HEAD", status: 200 });
});

test("the first token's time is that of the first byte of the body, not of the head", async () => {
  const pieces = [...forty.slice(0, 5), dataEvent(chunk({}, "stop")), dataEvent("[DONE]")];
  const span = await stage.record("/v1/chat/completions", { body: { ...chat, stream: true }, headers }, () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          await Bun.sleep(sent === 0 ? 300 : 150);
          const piece = pieces[sent];
          sent += 1;
          if (piece === undefined) controller.close();
          else controller.enqueue(new TextEncoder().encode(piece));
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });

  const firstToken = Date.parse(String(observation(span)["completion_start_time"])) - span.startMs;
  const whole = span.endMs - span.startMs;
  expect(firstToken).toBeGreaterThan(290);
  // Six more pieces and the end came after it, each after a pause of 150 ms.
  expect(whole - firstToken).toBeGreaterThan(450);
  expect(metadata(span)["ttfb_ms"]).toBeGreaterThan(290);
});
