import { afterAll, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { ApiError, GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { Refusal, refusalCodes } from "../domain/refusal.ts";
import type { Family } from "./dialect.ts";
import { families, noFamilyRefusal } from "./family.ts";

let answer: () => Response = () => new Response();
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => answer() });
afterAll(() => server.stop(true));

const baseURL = String(server.url);
const openai = new OpenAI({ apiKey: "k", baseURL, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: "k", baseURL, maxRetries: 0 });
const gemini = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: baseURL } });

const calls: Readonly<Record<Family, () => Promise<unknown>>> = {
  openai: () => openai.chat.completions.create({ model: "m", messages: [] }),
  anthropic: () => anthropic.messages.create({ model: "m", max_tokens: 1, messages: [] }),
  gemini: () => gemini.models.generateContent({ model: "m", contents: "x" }),
};

async function failure(call: () => Promise<unknown>): Promise<unknown> {
  return call().then(
    () => undefined,
    (error: unknown) => error,
  );
}

function refuse(family: Family, refusal: Refusal): void {
  const headers = { "content-type": "application/json", ...refusal.headers };
  answer = () => new Response(families[family].refusal(refusal, "ex_1"), { status: refusal.status, headers });
}

test("OpenAI's SDK reads a refusal: status, type, code and message", async () => {
  refuse("openai", new Refusal("token_expired"));
  const error = await failure(calls.openai);
  expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
  expect(error).toMatchObject({ status: 401, code: "token_expired", type: "authentication_error", param: null });
  expect(String(error)).toContain("This token has expired.");
});

test("Anthropic's SDK reads a refusal: status, type, message and the exchange's id", async () => {
  refuse("anthropic", new Refusal("rate_limit_exceeded"));
  const error = await failure(calls.anthropic);
  expect(error).toBeInstanceOf(Anthropic.RateLimitError);
  expect(error).toMatchObject({
    status: 429,
    error: { type: "error", error: { type: "rate_limit_error" }, request_id: "ex_1" },
  });
});

test("Google's SDK reads a refusal: status and the whole body", async () => {
  refuse("gemini", new Refusal("token_expired"));
  const error = await failure(calls.gemini);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 401 });
  expect(JSON.parse(error instanceof ApiError ? error.message : "")).toEqual({
    error: {
      code: 401,
      message: "This token has expired. Ask for a new one.",
      status: "UNAUTHENTICATED",
      details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "token_expired", domain: "weir" }],
    },
  });
});

test("every code has the type that its status has in each family", () => {
  const typeOf = (code: (typeof refusalCodes)[number]) => {
    const read = (family: Family): unknown => JSON.parse(families[family].refusal(new Refusal(code), "ex_1"));
    return [read("openai"), read("anthropic"), read("gemini")].map(typeIn);
  };
  const types = Object.fromEntries(refusalCodes.map((code) => [code, typeOf(code)]));
  expect(types).toMatchObject({
    model_not_allowed: ["permission_error", "permission_error", "PERMISSION_DENIED"],
    not_found: ["invalid_request_error", "not_found_error", "NOT_FOUND"],
    body_invalid: ["invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"],
    body_too_large: ["invalid_request_error", "request_too_large", "INVALID_ARGUMENT"],
    budget_exceeded: ["insufficient_quota", "billing_error", "RESOURCE_EXHAUSTED"],
    quota_exceeded: ["insufficient_quota", "rate_limit_error", "RESOURCE_EXHAUSTED"],
    internal_error: ["server_error", "api_error", "INTERNAL"],
    draining: ["server_error", "overloaded_error", "UNAVAILABLE"],
    upstream_timeout: ["server_error", "timeout_error", "DEADLINE_EXCEEDED"],
  });
  expect(Object.values(types).flat()).not.toContain(undefined);
});

function typeIn(body: unknown): unknown {
  if (typeof body !== "object" || body === null || !("error" in body)) return undefined;
  const { error } = body;
  if (typeof error !== "object" || error === null) return undefined;
  if ("type" in error) return error.type;
  return "status" in error ? error.status : undefined;
}

const chunks: Readonly<Record<Family, string>> = {
  openai: `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", choices: [{ index: 0, delta: { content: "He" } }] })}\n\n`,
  anthropic: `event: content_block_delta\ndata: ${JSON.stringify({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "He" } })}\n\n`,
  gemini: `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text: "He" }] } }] })}\n\n`,
};

const streams: Readonly<Record<Family | "responses", () => Promise<AsyncIterable<unknown>>>> = {
  openai: () => openai.chat.completions.create({ model: "m", messages: [], stream: true }),
  responses: () => openai.responses.create({ model: "m", input: "x", stream: true }),
  anthropic: () => anthropic.messages.create({ model: "m", max_tokens: 1, messages: [], stream: true }),
  gemini: () => gemini.models.generateContentStream({ model: "m", contents: "x" }),
};

async function readStream(family: Family, call: () => Promise<AsyncIterable<unknown>>, cut: string) {
  const body = chunks[family] + cut + families[family].streamError("upstream_failed", "It broke off.");
  answer = () => new Response(body, { headers: { "content-type": "text/event-stream" } });
  let events = 0;
  const error = await failure(async () => {
    for await (const _ of await call()) events += 1;
  });
  return { events, error };
}

test("every SDK raises the error event of a broken stream, after what came before it", async () => {
  for (const [name, family] of [
    ["openai", "openai"],
    ["responses", "openai"],
    ["anthropic", "anthropic"],
    ["gemini", "gemini"],
  ] as const) {
    const { events, error } = await readStream(family, streams[name], "");
    expect([name, events]).toEqual([name, 1]);
    expect(String(error)).toContain("It broke off.");
  }
});

test("a stream that broke off in the middle of an event raises an error, too", async () => {
  for (const family of ["openai", "anthropic", "gemini"] as const) {
    const { error } = await readStream(family, streams[family], 'data: {"id":"c","cho');
    expect(error).toBeInstanceOf(Error);
  }
});

test("an error over WebSocket names the refused event, the status and when to come back", () => {
  const refusal = new Refusal("rate_limit_exceeded", { headers: { "retry-after": "7" } });
  expect(JSON.parse(families.openai.socketError(refusal, "ex_1", "event_9"))).toEqual({
    type: "error",
    event_id: "ex_1",
    status: 429,
    error: {
      type: "rate_limit_error",
      code: "rate_limit_exceeded",
      message: refusal.message,
      param: null,
      event_id: "event_9",
    },
    headers: { "retry-after": "7" },
  });
  expect(families.gemini.socketError(refusal, "ex_1")).toBe(families.gemini.refusal(refusal, "ex_1"));
});

test("without a dialect a refusal is a message and a code", () => {
  expect(JSON.parse(noFamilyRefusal(new Refusal("not_found", { message: "Nothing here." })))).toEqual({
    error: { message: "Nothing here.", code: "not_found" },
  });
});
