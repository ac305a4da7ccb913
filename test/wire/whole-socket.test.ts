import { expect, test } from "bun:test";
import { startWeir } from "../weir.ts";
import { type ConsumerSocket, openConsumer, openSocketUpstream } from "./sockets.ts";

const live = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
const usageMetadata = { promptTokenCount: 3, responseTokenCount: 2, totalTokenCount: 5 };
const turn = JSON.stringify({
  serverContent: { modelTurn: { parts: [{ text: "Hi" }] }, turnComplete: true },
  usageMetadata,
});

for (const { name, close, expected } of [
  { name: "that the consumer closes with 1000 is answered", close: "consumer", expected: { outcome: "answered" } },
  { name: "that the upstream closes with 1000 is answered", close: "upstream", expected: { outcome: "answered" } },
  {
    name: "that the consumer breaks off is aborted",
    close: "broken",
    expected: { outcome: "aborted", cause: "client_closed" },
  },
  {
    name: "that a stop of ours closes is failed",
    close: "stop",
    expected: { outcome: "failed", cause: "shutdown" },
  },
] as const) {
  test.concurrent(`a socket of Gemini Live ${name}`, async () => {
    const upstream = openSocketUpstream();
    upstream.scripts.set(close, {
      message: (socket) => {
        socket.send(turn);
        if (close === "upstream") socket.close(1000, "done");
      },
    });
    await using weir = await startWeir({ env: { GEMINI_BASE_URL: upstream.url } });
    const consumer: ConsumerSocket = await openConsumer(`${weir.url.replace("http", "ws")}${live}?script=${close}`);
    consumer.socket.send(JSON.stringify({ setup: { model: "models/gemini-live" } }));
    await consumer.until(1);
    if (close === "consumer") consumer.socket.close(1000, "bye");
    if (close === "broken") consumer.socket.terminate();
    if (close === "stop") weir.signal("SIGTERM");
    const { code } = await consumer.closed;
    if (close === "stop") expect(code).toBe(1001);
    const record = await weir.waitForRecord(({ dialect }) => dialect === "gemini-live");
    expect(record).toMatchObject({ ...expected, usage: { source: "provider", total: 5 } });
    expect(record.cause).toBe("cause" in expected ? expected.cause : undefined);
    await upstream.stop();
  }, 60_000);
}
