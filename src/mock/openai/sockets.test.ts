import { afterAll, beforeAll, expect, test } from "bun:test";
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { startMock } from "../mock-provider.ts";
import type { MockProvider } from "../mock-provider.ts";

let mock: MockProvider;

beforeAll(() => {
  mock = startMock();
});

afterAll(() => mock.stop());

type Message = { type: string; sequence_number?: number; response?: { id: string; usage: object | null; output: object[] } };

/** Opens `GET /v1/responses`, sends these, and reads until so many answers have ended, or the socket has. */
async function converse(messages: readonly object[], answers: number) {
  const socket = new WebSocket(`${mock.url.replace("http", "ws")}/v1/responses`, { headers: { authorization: "Bearer any" } });
  const read: Message[] = [];
  const ended = Promise.withResolvers<number | undefined>();
  socket.addEventListener("open", () => {
    for (const message of messages) socket.send(JSON.stringify(message));
  });
  socket.addEventListener("message", ({ data }) => {
    read.push(JSON.parse(String(data)) as Message);
    if (read.filter(({ type }) => /^(?:response\.completed|error)$/.test(type)).length === answers) ended.resolve(undefined);
  });
  socket.addEventListener("close", ({ code }) => ended.resolve(code));
  const code = await ended.promise;
  socket.close();
  return { read, code };
}

const create = { type: "response.create", model: "gpt-4o", input: "Hello" };

test("several responses are answered in turn on one socket, each with its own usage", async () => {
  const { read } = await converse([create, { ...create, input: "Another" }], 2);
  const completed = read.filter(({ type }) => type === "response.completed");
  expect(new Set(completed.map(({ response }) => response?.id)).size).toBe(2);
  expect(completed.every(({ response }) => response?.usage !== null)).toBe(true);
  const second = read.findLastIndex(({ type }) => type === "response.created");
  expect(read.findIndex(({ type }) => type === "response.completed")).toBe(second - 1);
  expect(read.slice(second).map(({ sequence_number }) => sequence_number)).toEqual(read.slice(second).map((_, index) => index));
});

test("a prewarm generates nothing, bills nothing, and can be gone on from", async () => {
  const { read } = await converse([{ ...create, generate: false }], 1);
  expect(read.map(({ type }) => type)).toEqual(["response.created", "response.completed"]);
  expect(read[1]?.response).toMatchObject({ output: [], usage: null });
  const { read: next } = await converse([{ ...create, previous_response_id: read[1]?.response?.id }], 1);
  expect(next.at(-1)?.type).toBe("response.completed");
});

test("a refusal is a message, and the socket goes on", async () => {
  const { read } = await converse([{ ...create, model: "mock-429" }, { type: "odd" }, create], 3);
  expect(read[0]).toMatchObject({ type: "error", status: 429, error: { code: "rate_limit_exceeded" } });
  expect(read[1]).toMatchObject({ type: "error", status: 400 });
  expect(read.at(-1)?.type).toBe("response.completed");
});

test("a socket is cut after as many messages as the model's name says", async () => {
  const { read, code } = await converse([{ ...create, model: "mock-cut-4" }], 1);
  expect(read.length).toBe(4);
  expect(code).toBe(1006);
});

test("what a socket served is in the list of what was served", async () => {
  const { read } = await converse([create], 1);
  const id = read.at(-1)?.response?.id;
  const lines = (await (await fetch(`${mock.url}/__mock/served`)).text()).trim().split("\n");
  const entry = lines.map((line) => JSON.parse(line) as { request_id: string }).find(({ request_id }) => request_id === id);
  expect(entry).toMatchObject({ path: "/v1/responses", model: "gpt-4o", ended: "complete", usage: { input: 2 } });
});

test("a realtime session of the SDK is answered with text and usage", async () => {
  const client = new OpenAI({ apiKey: "any", baseURL: `${mock.url}/v1`, dangerouslyAllowBrowser: true });
  const realtime = await OpenAIRealtimeWebSocket.create(client, { model: "gpt-realtime", onURL: (url) => void (url.protocol = "ws:") });
  const done = Promise.withResolvers<{ text: string; usage: unknown }>();
  let text = "";
  realtime.on("error", done.reject);
  realtime.on("session.created", () => {
    realtime.send({ type: "session.update", session: { type: "realtime", output_modalities: ["text"] } });
    realtime.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] } });
    realtime.send({ type: "response.create" });
  });
  realtime.on("response.output_text.delta", ({ delta }) => (text += delta));
  realtime.on("response.done", ({ response }) => done.resolve({ text, usage: response.usage }));
  const answer = await done.promise;
  realtime.close();
  expect(answer.text).toStartWith('You said "Hello".');
  expect(answer.usage).toMatchObject({ output_token_details: { audio_tokens: 0 } });
});

test("a socket without a credential is refused with 401", async () => {
  const response = await fetch(`${mock.url}/v1/realtime`, { headers: { upgrade: "websocket", connection: "Upgrade" } });
  expect(response.status).toBe(401);
});
