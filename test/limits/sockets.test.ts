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

/** A socket of a new token, whose upstream answers each message with so much usage, or with nothing; `project` says more of its project. */
async function openSocket(yaml: string, usage?: number, project: object = {}) {
  const upstream = openSocketUpstream();
  const got: string[] = [];
  upstream.scripts.set("", {
    message: (socket, data) => {
      got.push(String(data));
      const isUpdate = String(data).includes("session.update");
      for (const event of usage === undefined || isUpdate ? [] : answer(usage)) socket.send(event);
      if (String(data).includes("hang up")) socket.close(1000, "hung up");
    },
  });
  const weir = await startWeir({ env: envOf(upstream.url), files: { "weir.yaml": yaml } });
  const token = await openManage(() => weir.url).mint({}, project);
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
  await waitFor(() => got.at(-1) === other || undefined, "an update of the session doesn't arrive");
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

/** What the provider hears, and answers by itself. */
const speech = JSON.stringify({ type: "input_audio_buffer.append", audio: "UklGRg==" });

test("answers that the provider begins by itself are requests too; one too many ends the socket, and so does each after it", async () => {
  await using socket = await openSocket("limits: { requests_per_minute: 2 }", 3);
  const { consumer, connect } = socket;
  consumer.socket.send(speech);
  await consumer.until(2);
  consumer.socket.send(create("asked"));
  await consumer.until(4);
  const talking = [consumer, await connect()];
  for (const each of talking) {
    each.socket.send(speech);
    expect(await each.closed).toMatchObject({ code: 1008, reason: expect.stringContaining("rate limit") });
    expect(errorOf(each.received.at(-1))).toMatchObject({ type: "error", error: { code: "rate_limit_exceeded" } });
  }
  expect(talking.map(({ received }) => received.length)).toEqual([5, 1]);
}, 30_000);

test("answers that the provider begins by itself are paid for, and a spent budget ends the socket", async () => {
  // A cent and a half of gpt-realtime's cheapest input each.
  const budget = [{ amount_usd: "0.10", period: "day", hard: true }];
  await using socket = await openSocket("", 4000, { budget });
  const { consumer } = socket;
  const over = consumer.closed.then(() => true);
  const spent = async () => {
    consumer.socket.send(speech);
    return (await Promise.race([over, Bun.sleep(5).then(() => false)])) || undefined;
  };
  await waitFor(spent, "a budget of ten cents outlasts answers for dollars");
  expect(await consumer.closed).toMatchObject({ code: 1008 });
  expect(errorOf(consumer.received.at(-1))).toMatchObject({ type: "error", error: { code: "budget_exceeded" } });
}, 30_000);

test("what comes behind an answer that is being judged stays in order, an end included", async () => {
  await using socket = await openSocket("limits: { requests_per_minute: 100 }", 3);
  const { consumer } = socket;
  consumer.socket.send(JSON.stringify({ type: "input_audio_buffer.append", audio: "hang up" }));
  expect(await consumer.closed).toMatchObject({ code: 1000, reason: "hung up" });
  expect(consumer.received.map((event) => errorOf(event))).toMatchObject([
    { type: "response.created" },
    { type: "response.done" },
  ]);
}, 30_000);
