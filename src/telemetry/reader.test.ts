import { expect, test } from "bun:test";
import type { Capture } from "../domain/capture.ts";
import { createPriceBook } from "../prices/price-book.ts";
import { findDialectNamed } from "../providers/named-dialects.ts";
import { createExchangeReader } from "./reader.ts";

const read = createExchangeReader({ findDialect: findDialectNamed, prices: createPriceBook() });

const chat = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hi" }] };
const usage = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 };

/** An exchange with OpenAI whose answer is this. */
function capture(answer: object, different: Partial<Capture> = {}): Capture {
  const request = Buffer.from(JSON.stringify(chat));
  const response = Buffer.from(JSON.stringify(answer));
  return {
    id: "exchange-1",
    traceId: "a".repeat(32),
    spanId: "b".repeat(16),
    transport: "http",
    provider: "openai",
    dialect: "openai-chat",
    method: "POST",
    path: "/v1/chat/completions",
    requestType: "application/json",
    responseType: "application/json",
    status: 200,
    outcome: "answered",
    startedAt: Date.parse("2026-11-20T10:00:00Z"),
    endedAfter: 1000,
    attribution: {},
    request: { head: request, total: request.length },
    response: { head: response, total: response.length },
    ...different,
  };
}

const empty = { head: new Uint8Array(0), total: 0 };

test("a generation is priced by what its provider counted", () => {
  expect(read(capture({ model: "gpt-4o-mini", choices: [], usage }))).toMatchObject({
    kind: "generation",
    usage: { input: 20, output: 9, total: 29, source: "provider" },
    cost_nano_usd: "8400",
  });
});

test("usage that is told again, to who asks for an answer once more, costs nothing", () => {
  const path = "/v1/responses/resp_1";
  const again = capture(
    { model: "gpt-4o-mini", output: [], usage },
    { method: "GET", path, dialect: "openai-responses" },
  );
  const exchange = read({ ...again, request: empty });
  expect(exchange).toMatchObject({ kind: "other" });
  expect(exchange).not.toHaveProperty("cost_nano_usd");
  expect(exchange).not.toHaveProperty("unpriced");
});

test.each([
  ["that nobody counted", { ...capture({}), request: empty, response: empty }],
  [
    "that is billed by the second",
    capture(
      { text: "Hi", usage: { type: "duration", seconds: 12 } },
      { dialect: "openai-media", path: "/v1/audio/transcriptions" },
    ),
  ],
  [
    "whose answer is a sound, of which only the input can be estimated",
    capture({}, { dialect: "openai-media", path: "/v1/audio/speech", responseType: "audio/mpeg" }),
  ],
])("work %s is unpriced, not free", (_, given) => {
  const exchange = read(given);
  expect(exchange).toMatchObject({ kind: "generation", unpriced: true });
  expect(exchange).not.toHaveProperty("cost_nano_usd");
});

test("a session of Gemini Live of which a part wasn't kept is priced by the turns that were, and not as the provider's count", () => {
  const turn = JSON.stringify({
    serverContent: { modelTurn: { parts: [{ inlineData: { mimeType: "audio/pcm", data: "aGVsbG8=" } }] } },
    usageMetadata: {
      promptTokenCount: 3,
      responseTokenCount: 2,
      responseTokensDetails: [{ modality: "AUDIO", tokenCount: 2 }],
    },
  });
  const head = Buffer.from(`${turn}\n`);
  const setup = Buffer.from(JSON.stringify({ setup: { model: "models/gemini-live-2.5-flash-preview" } }));
  const session = capture(
    {},
    {
      provider: "gemini",
      dialect: "gemini-live",
      path: "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
      responseType: "application/x-ndjson",
      request: { head: setup, total: setup.length },
    },
  );
  const whole = read({ ...session, response: { head, total: head.length } });
  const cut = read({ ...session, response: { head, tail: head, total: 5_000 } });
  expect(whole.usage).toMatchObject({ source: "provider", total: 5 });
  const quiet = read({ ...session, response: { head, total: head.length + 5_000, passed: 5_000 } });
  expect(quiet.usage).toMatchObject({ source: "provider", total: 5 });
  expect(quiet.response.bytes).toBe(head.length + 5_000);
  expect(cut.usage).toMatchObject({ source: "estimated", input: 6, output_audio: 4, total: 10 });
  expect(Number(whole.cost_nano_usd)).toBeGreaterThan(0);
  expect(Number(cut.cost_nano_usd)).toBe(2 * Number(whole.cost_nano_usd));
});

test("a provider's error used nothing and cost nothing", () => {
  const exchange = read(capture({ error: { message: "Too fast", type: "rate_limit" } }, { status: 429 }));
  expect(exchange).toMatchObject({ usage: { source: "none", total: 0 }, error: { message: "Too fast" } });
  expect(exchange).not.toHaveProperty("cost_nano_usd");
  expect(exchange).not.toHaveProperty("unpriced");
});

test("an error in a stream whose head said that all is well used nothing either, unless something was said before", () => {
  const event = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify({ type: name, ...data })}\n\n`;
  const error = event("error", { error: { type: "overloaded_error", message: "Overloaded" } });
  const message = { id: "m", role: "assistant", model: "claude-haiku-4-5", content: [] };
  const start =
    event("message_start", { message }) +
    event("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
  const said = event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "Hello there" } });
  const stream = (text: string) => {
    const head = Buffer.from(text);
    const about = { provider: "anthropic", dialect: "anthropic-messages", path: "/v1/messages" };
    return read(capture({}, { ...about, responseType: "text/event-stream", response: { head, total: head.length } }));
  };
  expect(stream(error)).toMatchObject({ usage: { source: "none", total: 0 }, error: { message: "Overloaded" } });
  expect(stream(error)).not.toHaveProperty("unpriced");
  expect(stream(start + said + error)).toMatchObject({ usage: { source: "estimated" } });
  // What the head of the stream told was no end of it.
  const told = event("message_start", { message: { ...message, usage: { input_tokens: 1000, output_tokens: 1 } } });
  const long = event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "water ".repeat(1000) } });
  expect(stream(told + long + error)).toMatchObject({ usage: { source: "estimated", input: 1000, output: 1500 } });
});

test("a stream that was left is estimated by all that passed, not by what was kept of it", () => {
  const chunk = { model: "gpt-4o-mini", choices: [{ index: 0, delta: { content: "water ".repeat(10) } }] };
  const head = Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`.repeat(20));
  const left = (times: number) =>
    read(
      capture(
        {},
        {
          responseType: "text/event-stream",
          outcome: "aborted",
          sentAfter: 1,
          response: { head, tail: head, total: head.length * times },
        },
      ),
    ).usage;
  expect(left(2)).toMatchObject({ source: "estimated", output: 600 });
  // The line behind a gap may have lost its beginning, so one of the forty isn't read.
  expect(left(20)).toMatchObject({ source: "estimated", output: 5850 });
});

test("what other models did within an answer has a price that isn't known here", () => {
  const advised = capture(
    {
      model: "claude-haiku-4-5",
      content: [],
      usage: { input_tokens: 4, output_tokens: 5, iterations: [{ type: "message" }, { type: "advisor_message" }] },
    },
    { provider: "anthropic", dialect: "anthropic-messages", path: "/v1/messages" },
  );
  const exchange = read(advised);
  expect(exchange).toMatchObject({ unpriced: true, usage: { input: 4, output: 5, total: 9, other_models: true } });
  expect(exchange).not.toHaveProperty("cost");
});

test("a consumer that leaves before the first byte has used what it sent, once that went up", () => {
  const left = { ...capture({}, { outcome: "aborted", cause: "client_closed", response: empty }), status: undefined };
  expect(read({ ...left, sentAfter: 1 })).toMatchObject({ usage: { source: "estimated", input: 7, total: 7 } });
  expect(Number(read({ ...left, sentAfter: 1 }).cost_nano_usd)).toBeGreaterThan(0);
  expect(read({ ...left, sentAfter: undefined })).toMatchObject({ usage: { source: "none", total: 0 } });
});

test("a socket on which no model worked has neither usage nor cost", () => {
  const socket = { transport: "websocket", method: "GET", path: "/v1/realtime", dialect: "openai-responses" } as const;
  const exchange = read(
    capture({}, { ...socket, unused: true, sentAfter: 0, outcome: "aborted", request: empty, response: empty }),
  );
  expect(exchange).toMatchObject({ kind: "other", usage: { total: 0, source: "none" } });
  expect([exchange.unpriced, exchange.cost_nano_usd]).toEqual([undefined, undefined]);
});

test("an answer on a socket has the model of its session where neither side names one, and is priced by it", () => {
  const response = { id: "r1", output: [], usage: { input_tokens: 1000, output_tokens: 0, total_tokens: 1000 } };
  const socket = { transport: "websocket", method: "GET", path: "/v1/realtime", dialect: "openai-responses" } as const;
  const named = (answer: object, request: object) => {
    const asked = Buffer.from(JSON.stringify({ type: "response.create", ...request }));
    return read(
      capture(
        { type: "response.done", response: { ...response, ...answer } },
        {
          ...socket,
          socketModel: "gpt-realtime",
          responseType: "application/x-ndjson",
          request: { head: asked, total: asked.length },
        },
      ),
    );
  };
  expect(named({}, {})).toMatchObject({
    model: "gpt-realtime",
    request_model: "gpt-realtime",
    cost_nano_usd: "4000000",
  });
  expect(named({ model: "gpt-5" }, { model: "gpt-5-mini" })).toMatchObject({
    model: "gpt-5",
    request_model: "gpt-5-mini",
  });
});
