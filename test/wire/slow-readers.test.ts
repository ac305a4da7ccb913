import { afterAll, beforeAll, expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { hash } from "./bytes.ts";
import { anthropic } from "./chat.ts";
import { frame, type Header } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

const megabyte = 1_000_000;
let wire: Wire;
let other: Wire;
beforeAll(async () => {
  [wire, other] = await Promise.all([openWire(), openWire()]);
  // What a process takes once doesn't count as growth.
  for (const open of [wire, other]) await Promise.all(Array.from({ length: 20 }, () => open.exchange(anthropic.call)));
});
afterAll(async () => {
  await wire[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

test("a stream of 200 MB to a slow reader holds the upstream back, not memory, and nobody else", async () => {
  const chunk = frame(`data: ${"x".repeat(65_000)}\n\n`);
  let written = 0;
  const running = wire.open(
    anthropic.call,
    async (seen) => {
      seen.begin();
      while (written < 200 * megabyte && seen.socket.writable) {
        await seen.push(chunk);
        written += chunk.length;
      }
      seen.end();
    },
    60_000,
  );
  const { socket } = running;
  const before = wire.weir.memory().now;
  let peak = before;
  const took: number[] = [];
  const until = performance.now() + 6000;
  // What the system hands over at once, four times a second.
  socket.on("data", () => socket.pause());
  while (performance.now() < until) {
    socket.resume();
    const started = performance.now();
    const { answer } = await wire.exchange({ target: "/v1/models" });
    expect(answer.status).toBe(200);
    took.push(performance.now() - started);
    await Bun.sleep(250);
    peak = Math.max(peak, wire.weir.memory().now);
  }
  const read = socket.bytesRead;
  running.leave();
  expect(read).toBeGreaterThan(100_000);
  expect(read).toBeLessThan(30 * megabyte);
  expect(peak - before).toBeLessThan(32 * megabyte);
  expect(written).toBeLessThan(read + 32 * megabyte);
  // Who had to wait for the slow reader would have waited for seconds.
  expect(took.toSorted((fewer, more) => fewer - more)[Math.floor(took.length / 2)]).toBeLessThan(500);
}, 60_000);

test("an upload of 100 MB to a slow upstream holds the consumer back, not memory", async () => {
  const running = wire.open(
    {
      method: "POST",
      target: "/v1/files",
      headers: [
        ["content-type", "application/octet-stream"],
        ["content-length", String(100 * megabyte)],
      ],
    },
    (seen) => void seen.socket.pause(),
    60_000,
  );
  const piece = Buffer.alloc(100_000, 1);
  let sent = 0;
  const before = wire.weir.memory().now;
  const until = performance.now() + 2000;
  while (performance.now() < until && sent < 100 * megabyte) {
    if (!running.socket.write(piece))
      await Promise.race([new Promise((resolve) => running.socket.once("drain", resolve)), Bun.sleep(300)]);
    if (running.socket.writableLength < megabyte) sent += piece.length;
    else await Bun.sleep(20);
  }
  expect(wire.weir.memory().now - before).toBeLessThan(48 * megabyte);
  expect(sent).toBeLessThan(60 * megabyte);
  const seen = await running.arrived();
  running.leave();
  seen.socket.resume();
  expect((await running.record()).outcome).toBe("aborted");
}, 60_000);

test("answers of 50 MB arrive as they are and take little memory; their records tell the true size, the model and the usage", async () => {
  const before = other.weir.memory().now;
  const text = "x".repeat(50 * megabyte);
  const json = `{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"${text}"}],"stop_reason":"end_turn","usage":{"input_tokens":12,"output_tokens":5}}`;
  const stream =
    anthropic.first +
    Array.from({ length: 500 }, () => anthropic.say(text.slice(0, 100_000))).join("") +
    anthropic.last;
  const cases: readonly (readonly [string, string])[] = [
    ["application/json", json],
    ["text/event-stream", stream],
  ];
  let peak = 0;
  for (const [type, body] of cases) {
    const headers: Header[] = [["content-type", type]];
    const { answer } = await other.exchange(anthropic.call, async (seen) => {
      const bytes = Buffer.from(body);
      seen.begin(headers);
      for (let at = 0; at < bytes.length; at += 65_536) await seen.push(frame(bytes.subarray(at, at + 65_536)));
      seen.end();
    });
    peak = Math.max(peak, other.weir.memory().now);
    expect(hash(answer.body)).toBe(hash(body));
    const record = await other.recordOf(answer);
    expect(record).toMatchObject({ outcome: "answered", model: "claude-sonnet-4-5", response: { bytes: body.length } });
    expect(record.usage).toMatchObject({ source: "provider", input: 12, output: 5 });
    expect(record.response.dropped_bytes).toBeGreaterThan(40 * megabyte);
  }
  peak = Math.max(peak, other.weir.memory().now);
  expect(peak - before).toBeLessThan(64 * megabyte);
}, 60_000);

test("a slow reader that comes to its senses gets every byte", async () => {
  const body = anthropic.say("x".repeat(5 * megabyte));
  const running = wire.open(anthropic.call, async (seen) => {
    const bytes = Buffer.from(body);
    seen.begin();
    for (let at = 0; at < bytes.length; at += 65_536) await seen.push(frame(bytes.subarray(at, at + 65_536)));
    seen.end();
  });
  running.socket.pause();
  await waitFor(() => (running.seen.length > 0 ? true : undefined), "It never arrived");
  await Bun.sleep(500);
  running.socket.resume();
  const answer = await running.answer;
  expect([hash(answer.body), answer.end]).toEqual([hash(body), "clean"]);
}, 60_000);
