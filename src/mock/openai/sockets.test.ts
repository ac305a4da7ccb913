import { afterAll, beforeAll, expect, test } from "bun:test";
import { startMock } from "../mock-provider.ts";
import type { MockProvider } from "../mock-provider.ts";

let mock: MockProvider;

beforeAll(() => {
  mock = startMock();
});

afterAll(() => mock.stop());

type Message = {
  type: string;
  sequence_number?: number;
  response?: { id: string; usage: object | null; output: object[] };
};

type RealtimeMessage = { type: string; delta?: string; response?: object };

/** Opens `GET /v1/responses`, sends these, and reads until so many answers have ended, or the socket has. */
async function converse(messages: readonly object[], answers: number) {
  const socket = new WebSocket(`${mock.url.replace("http", "ws")}/v1/responses`, {
    headers: { authorization: "Bearer any" },
  });
  const read: Message[] = [];
  const ended = Promise.withResolvers<number | undefined>();
  socket.addEventListener("open", () => {
    for (const message of messages) socket.send(JSON.stringify(message));
  });
  socket.addEventListener("message", ({ data }) => {
    read.push(JSON.parse(String(data)) as Message);
    if (read.filter(({ type }) => /^(?:response\.completed|error)$/.test(type)).length === answers)
      ended.resolve(undefined);
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
  expect(read.slice(second).map(({ sequence_number }) => sequence_number)).toEqual(
    read.slice(second).map((_, index) => index),
  );
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
  const entry = lines
    .map((line) => JSON.parse(line) as { request_id: string })
    .find(({ request_id }) => request_id === id);
  expect(entry).toMatchObject({ path: "/v1/responses", model: "gpt-4o", ended: "complete", usage: { input: 2 } });
});

test("a realtime session is answered with text, tools and usage; its key may be a subprotocol", async () => {
  const url = `${mock.url.replace("http", "ws")}/v1/realtime?model=gpt-realtime`;
  const socket = new WebSocket(url, ["realtime", "openai-insecure-api-key.any"]);
  const say = (message: object) => socket.send(JSON.stringify(message));
  const item = { type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] };
  const tools = [{ type: "function", name: "look", parameters: { type: "object" } }];
  const read: RealtimeMessage[] = [];
  const done = Promise.withResolvers<void>();
  socket.addEventListener("open", () => {
    say({ type: "session.update", session: { type: "realtime", output_modalities: ["text"] } });
    say({ type: "conversation.item.create", item });
    say({ type: "response.create" });
    say({ type: "response.create", response: { input: [item], tools } });
  });
  socket.addEventListener("message", ({ data }) => {
    read.push(JSON.parse(String(data)) as RealtimeMessage);
    if (read.filter(({ type }) => type === "response.done").length === 2) done.resolve();
  });
  await done.promise;
  socket.close();

  expect(socket.protocol).toBe("realtime");
  expect(read.slice(0, 5).map(({ type }) => type)).toEqual([
    "session.created",
    "session.updated",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
  ]);
  const [spoken, called] = read.filter(({ type }) => type === "response.done").map(({ response }) => response);
  const text = read.map(({ type, delta }) => (type === "response.output_text.delta" ? delta : "")).join("");
  expect(text).toStartWith('You said "Hello".');
  expect(spoken).toMatchObject({
    output: [{ content: [{ text }] }],
    usage: { input_token_details: { cached_tokens: 0 } },
  });
  expect(called).toMatchObject({ output: [{ type: "function_call", name: "look", arguments: "{}" }] });
});

test("a socket without a credential is refused with 401", async () => {
  const response = await fetch(`${mock.url}/v1/realtime`, { headers: { upgrade: "websocket", connection: "Upgrade" } });
  expect(response.status).toBe(401);
});
