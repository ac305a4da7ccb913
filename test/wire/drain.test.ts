import { describe, expect, test } from "bun:test";
import { startWeir, waitFor } from "../weir.ts";
import { anthropic, openai } from "./chat.ts";
import { openRaw, send, writeRequest } from "./client.ts";
import { openConsumer, openSocketUpstream } from "./sockets.ts";
import { openWire, type Wire } from "./wire.ts";

/** A stream of so many words, one every 100 ms. */
function stream(wire: Wire, words: number) {
  return wire.open(openai.call, async (seen) => {
    await seen.body;
    seen.begin();
    for (let n = 0; n < words && seen.socket.writable; n += 1) {
      seen.chunk(openai.say(`w${n} `));
      await Bun.sleep(100);
    }
    seen.chunk(openai.last);
    seen.end();
  });
}

/** Whether a new connection is refused. */
async function isRefused(port: number): Promise<true | undefined> {
  return (await send(port, { target: "/live" }, 1000).then(
    ({ status }) => status,
    () => 0,
  )) === 0
    ? true
    : undefined;
}

test.concurrent("an idle program ends soon after SIGTERM or SIGINT, with 0", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using weir = await startWeir({ env: { UPSTREAM_BASE_URL: "http://127.0.0.1:1" } });
    const asked = performance.now();
    expect(await weir.stop(signal)).toBe(0);
    expect(performance.now() - asked).toBeLessThan(15_000);
  }
}, 60_000);

test.concurrent("what is in flight at SIGTERM finishes and is recorded, new connections are refused, and the code is 0", async () => {
  await using wire = await openWire();
  const { weir } = wire;
  const running = stream(wire, 10);
  const slow = wire.open(
    { method: "POST", target: "/v1/responses", headers: [["content-type", "application/json"]], body: "{}" },
    async (seen) => {
      await Bun.sleep(900);
      seen.answer({ body: '{"id":"r"}' });
    },
  );
  await running.until("w1");
  await slow.arrived();
  weir.signal("SIGTERM");
  await waitFor(() => isRefused(weir.port), "New connections are still taken");
  const [streamed, answered] = await Promise.all([running.answer, slow.answer]);
  expect([streamed.end, streamed.text.includes("w9"), streamed.text.endsWith("[DONE]\n\n")]).toEqual([
    "clean",
    true,
    true,
  ]);
  expect([answered.status, answered.text]).toEqual([200, '{"id":"r"}']);
  const ended = performance.now();
  expect(await weir.exited).toBe(0);
  expect(performance.now() - ended).toBeLessThan(15_000);
  const records = await weir.records();
  expect(records.map(({ outcome }) => outcome)).toEqual(["answered", "answered"]);
  expect(records.find(({ streaming }) => streaming)?.usage).toMatchObject({ source: "provider", total: 17 });
}, 60_000);

test.concurrent("for DRAIN_DELAY_MS readiness is 503 and liveness 200, calls are still answered, and every answer closes its connection", async () => {
  await using wire = await openWire({ env: { DRAIN_DELAY_MS: "3000" } });
  const { weir } = wire;
  expect((await send(weir.port, { target: "/ready" })).status).toBe(200);
  const before = await wire.exchange({ target: "/v1/models" });
  expect(before.answer.header("connection")).not.toBe("close");
  weir.signal("SIGTERM");
  const asked = performance.now();
  await waitFor(
    async () => ((await send(weir.port, { target: "/ready" })).status === 503 ? true : undefined),
    "It is still ready",
  );
  const ready = await send(weir.port, { target: "/ready" });
  expect([ready.status, ready.header("retry-after") !== undefined, ready.header("connection")]).toEqual([
    503,
    true,
    "close",
  ]);
  expect((await send(weir.port, { target: "/live" })).status).toBe(200);
  const { answer } = await wire.exchange({ target: "/v1/models" });
  expect([answer.status, answer.header("connection")]).toEqual([200, "close"]);
  expect((await send(weir.port, { target: "/nope" })).header("connection")).toBe("close");
  expect(await weir.exited).toBe(0);
  const took = performance.now() - asked;
  expect(took).toBeGreaterThan(2950);
  expect(took).toBeLessThan(15_000);
}, 60_000);

test.concurrent("a kept connection is told to close, and gets no call half done", async () => {
  await using wire = await openWire();
  const { weir } = wire;
  const running = stream(wire, 8);
  await running.until("w0");
  const kept = openRaw(weir.port, writeRequest({ target: "/live" }));
  expect((await kept.answer).status).toBe(200);
  weir.signal("SIGTERM");
  await waitFor(() => isRefused(weir.port), "New connections are still taken");
  let bytes = "";
  kept.socket.on("data", (data: Buffer) => {
    bytes += data.toString();
  });
  if (kept.socket.writable) kept.write(writeRequest({ target: "/ready" }));
  await waitFor(
    () => (bytes !== "" || kept.socket.destroyed || kept.socket.readableEnded ? true : undefined),
    "The connection is neither answered nor closed",
  );
  if (bytes !== "") expect(bytes).toMatch(/^HTTP\/1\.1 503[^]*connection: close/i);
  expect((await running.answer).end).toBe("clean");
  expect(await weir.exited).toBe(0);
}, 60_000);

test.concurrent("SHUTDOWN_TIMEOUT_MS cuts what is left: never a clean end, a record that says so, and the code is still 0", async () => {
  await using wire = await openWire({ env: { SHUTDOWN_TIMEOUT_MS: "500" } });
  const { weir } = wire;
  const running = wire.open(anthropic.call, (seen) => {
    seen.begin();
    seen.chunk(anthropic.first + anthropic.say("one "));
  });
  const waiting = wire.open({ method: "POST", target: "/v1/responses", body: "{}" }, () => {});
  await running.until("one");
  await waiting.arrived();
  weir.signal("SIGTERM");
  const asked = performance.now();
  const [cut, refused] = await Promise.all([running.answer, waiting.answer]);
  expect(cut.end).not.toBe("clean");
  expect(refused.status === 0 || refused.status === 503).toBe(true);
  expect(await weir.exited).toBe(0);
  expect(performance.now() - asked).toBeLessThan(20_000);
  const records = await weir.records();
  const record = records.find(({ provider }) => provider === "anthropic");
  expect(record).toMatchObject({ outcome: "failed", cause: "shutdown" });
  expect(JSON.stringify(record?.output)).toContain("one ");
  expect(records.find(({ provider }) => provider === "openai")).toMatchObject({ outcome: "failed", cause: "shutdown" });
  expect(records.length).toBe(2);
}, 60_000);

test.concurrent("what a consumer doesn't read any more is recorded too when SHUTDOWN_TIMEOUT_MS is over", async () => {
  await using wire = await openWire({ env: { SHUTDOWN_TIMEOUT_MS: "500" } });
  const { weir } = wire;
  const running = wire.open(anthropic.call, async (seen) => {
    seen.begin();
    seen.chunk(anthropic.first + anthropic.say("one "));
    const much = anthropic.say("x".repeat(1_000_000));
    for (let n = 0; n < 256 && seen.socket.writable; n += 1) {
      seen.chunk(much);
      if (seen.socket.writableNeedDrain)
        await new Promise((go) => seen.socket.once("drain", go).once("close", go).once("error", go));
    }
  });
  await running.until("one");
  running.socket.pause();
  // Until nothing is taken any more.
  await Bun.sleep(1000);
  weir.signal("SIGTERM");
  expect(await weir.exited).toBe(0);
  running.leave();
  expect(await weir.records()).toMatchObject([{ outcome: "failed", cause: "shutdown", status: 200 }]);
}, 60_000);

test.concurrent("a second signal ends it at once", async () => {
  await using wire = await openWire();
  const running = stream(wire, 300);
  await running.until("w1");
  wire.weir.signal("SIGTERM");
  await waitFor(() => isRefused(wire.weir.port), "New connections are still taken");
  await Bun.sleep(700);
  const asked = performance.now();
  wire.weir.signal("SIGTERM");
  await wire.weir.exited;
  expect(performance.now() - asked).toBeLessThan(15_000);
  expect((await running.answer).end).not.toBe("clean");
}, 60_000);

test.concurrent("one signal that comes twice at once, as terminals send it, still drains", async () => {
  await using wire = await openWire();
  const running = stream(wire, 6);
  await running.until("w1");
  wire.weir.signal("SIGINT");
  wire.weir.signal("SIGINT");
  wire.weir.signal("SIGTERM");
  const answer = await running.answer;
  expect([answer.end, answer.text.includes("w5")]).toEqual(["clean", true]);
  expect(await wire.weir.exited).toBe(0);
}, 60_000);

describe("WebSockets", () => {
  test.concurrent("between answers get 1001, and one in the middle of an answer gets it when that has ended", async () => {
    const upstream = openSocketUpstream();
    await using weir = await startWeir({ env: { UPSTREAM_BASE_URL: upstream.url } });
    const event = (type: string, more: object = {}) => JSON.stringify({ type, response: { id: "r1", ...more } });
    upstream.scripts.set("busy", {
      message: (socket) => {
        socket.send(event("response.created"));
        setTimeout(
          () => socket.send(event("response.done", { usage: { total_tokens: 3, input_tokens: 1, output_tokens: 2 } })),
          3000,
        );
      },
    });
    const connect = (script: string) => openConsumer(`${weir.url.replace("http", "ws")}/v1/realtime?script=${script}`);
    const [idle, busy] = await Promise.all([connect("idle"), connect("busy")]);
    busy.socket.send('{"type":"response.create"}');
    await busy.until(1);
    weir.signal("SIGTERM");
    expect((await idle.closed).code).toBe(1001);
    expect(busy.received.length).toBe(1);
    expect((await busy.closed).code).toBe(1001);
    expect(busy.received.length).toBe(2);
    expect(await weir.exited).toBe(0);
    expect((await weir.records()).find(({ response_id }) => response_id === "r1")).toMatchObject({
      outcome: "answered",
      usage: { total: 3 },
    });
    await upstream.stop();
  }, 60_000);
});

test.concurrent("a record that was delivered survives kill -9", async () => {
  await using wire = await openWire();
  const { answer } = await wire.exchange(openai.call, (seen) => {
    seen.begin();
    seen.chunk(openai.say("hi") + openai.last);
    seen.end();
  });
  await wire.recordOf(answer);
  await wire.weir.kill();
  expect((await wire.weir.records()).length).toBe(1);
});
