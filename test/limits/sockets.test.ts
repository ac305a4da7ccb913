import { expect, test } from "bun:test";
import { startWeir, waitFor } from "../weir.ts";
import { openConsumer, openSocketUpstream } from "../wire/sockets.ts";
import { openManage } from "./ask.ts";
import { envOf } from "./stage.ts";

const create = (instructions: string) => JSON.stringify({ type: "response.create", response: { instructions } });
/** What a response that took so much is told by. */
function answer(usage: number): readonly string[] {
  const response = { id: `resp_${crypto.randomUUID()}`, model: "gpt-realtime", output: [] };
  const taken = { total_tokens: usage, input_tokens: usage - 1, output_tokens: 1 };
  return [
    { type: "response.created", response: { ...response, status: "in_progress" } },
    { type: "response.done", response: { ...response, status: "completed", usage: taken } },
  ].map((event) => JSON.stringify(event));
}

/** A socket of a new token, whose upstream answers each message with so much usage, or with nothing. */
async function openSocket(yaml: string, usage?: number) {
  const upstream = openSocketUpstream();
  const got: string[] = [];
  upstream.scripts.set("", {
    message: (socket, data) => {
      got.push(String(data));
      for (const event of usage === undefined ? [] : answer(usage)) socket.send(event);
    },
  });
  const weir = await startWeir({ env: envOf(upstream.url), files: { "weir.yaml": yaml } });
  const token = await openManage(() => weir.url).mint();
  const connect = () =>
    openConsumer(`${weir.url.replace("http", "ws")}/v1/realtime?model=gpt-realtime`, {
      headers: { authorization: `Bearer ${token}` },
    });
  const consumer = await connect();
  return {
    got,
    consumer,
    connect,
    async [Symbol.asyncDispose]() {
      consumer.socket.close();
      await weir[Symbol.asyncDispose]();
      await upstream.stop();
    },
  };
}

const errorOf = (message: string | Buffer | undefined): unknown => JSON.parse(String(message ?? "{}"));

test("each response.create on a socket is a request; one too many is answered on it, and it stays", async () => {
  await using socket = await openSocket("limits: { requests_per_minute: 3 }", 3);
  const { consumer, got } = socket;
  for (let each = 1; each <= 3; each += 1) {
    consumer.socket.send(create(`${each}`));
    await consumer.until(2 * each);
  }
  for (let each = 4; each <= 5; each += 1) {
    consumer.socket.send(create(`${each}`));
    await consumer.until(each + 3);
    expect(errorOf(consumer.received.at(-1))).toMatchObject({ type: "error", error: { code: "rate_limit_exceeded" } });
  }
  expect(got.length).toBe(3);
  const other = JSON.stringify({ type: "session.update", session: {} });
  consumer.socket.send(other);
  await consumer.until(9);
  expect(got.at(-1)).toBe(other);
  expect(consumer.socket.readyState).toBe(WebSocket.OPEN);
}, 30_000);

test("what a response on a socket took is settled like any other", async () => {
  await using socket = await openSocket("limits: { tokens_per_minute: 100000 }", 2000);
  const { consumer, got } = socket;
  consumer.socket.send(create("one"));
  await consumer.until(2);
  // By estimates alone thousands of these would fit.
  const closed = async () => {
    const count = consumer.received.length;
    consumer.socket.send(create("more"));
    await consumer.until(count + 1);
    return String(consumer.received.at(-1)).includes("rate_limit_exceeded") || undefined;
  };
  await waitFor(closed, "2,000 LLM tokens of each don't close a window of 100,000");
  expect(got.length).toBeLessThan(1000);
}, 30_000);

test("responses under way on a socket are bounded, and make room when the socket closes", async () => {
  await using socket = await openSocket("limits: { concurrent: 2 }");
  const { consumer, got, connect } = socket;
  for (const text of ["one", "two", "three"]) consumer.socket.send(create(text));
  await consumer.until(1);
  expect(errorOf(consumer.received[0])).toMatchObject({ type: "error", error: { code: "concurrency_exceeded" } });
  expect(got.length).toBe(2);
  consumer.socket.close();
  await consumer.closed;
  const next = await connect();
  await waitFor(async () => {
    next.socket.send(create("after"));
    await Bun.sleep(20);
    return got.length > 2 || undefined;
  }, "The places of a closed socket stay taken");
  next.socket.close();
}, 30_000);
