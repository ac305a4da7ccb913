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

test("a provider's error used nothing and cost nothing", () => {
  const exchange = read(capture({ error: { message: "Too fast", type: "rate_limit" } }, { status: 429 }));
  expect(exchange).toMatchObject({ usage: { source: "none", total: 0 }, error: { message: "Too fast" } });
  expect(exchange).not.toHaveProperty("cost_nano_usd");
  expect(exchange).not.toHaveProperty("unpriced");
});
