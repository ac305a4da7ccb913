import { expect, test } from "bun:test";
import { EventEmitter } from "node:events";
import type { ServerWebSocket } from "bun";
import type { WebSocket } from "ws";
import type { Family } from "../dialects/dialect.ts";
import type { Capture } from "../domain/capture.ts";
import { Refusal } from "../domain/refusal.ts";
import { createResponseExchanges } from "./socket-exchanges.ts";
import type { SocketVerdict } from "./socket-gate.ts";
import { createSocketRelay, type SocketRelay } from "./socket-relay.ts";
import type { Ticket } from "./ticket.ts";
import { created, createTicket, done, socketFacts } from "./test-support.ts";

test("an answer that nobody asked for waits for its verdict, and what follows it stays behind", async () => {
  using socket = open();
  socket.upstream.emit("message", created("r1"), false);
  socket.upstream.emit("message", done("r1"), false);
  socket.upstream.emit("close", 1000, Buffer.from("bye"));
  expect(socket.down).toEqual([]);
  const { ticket, endings } = createTicket();
  await socket.decide(pass(ticket));
  expect(socket.down).toEqual([String(created("r1")), String(done("r1")), "closed 1000 bye"]);
  expect(endings).toEqual(["answered"]);
  expect(socket.captures.map(({ id }) => id)).toEqual([ticket.id]);
});

test("an answer that was asked for meanwhile has that ticket, and the other is given back", async () => {
  using socket = open();
  socket.upstream.emit("message", created("r1"), false);
  socket.relay.fromConsumer(JSON.stringify({ type: "response.create" }));
  await Bun.sleep(0);
  const unasked = createTicket();
  await socket.decide(pass(unasked.ticket));
  socket.upstream.emit("message", done("r1"), false);
  expect([unasked.endings, socket.asked.endings]).toEqual([["spared"], ["answered"]]);
  expect(socket.captures.map(({ id }) => id)).toEqual([socket.asked.ticket.id]);
});

test("a verdict that comes after the socket's end gives its ticket back", async () => {
  using socket = open();
  socket.upstream.emit("message", created("r1"), false);
  socket.relay.consumerClosed(1000, "");
  const { ticket, endings } = createTicket();
  await socket.decide(pass(ticket));
  expect(endings).toEqual(["spared"]);
  expect(socket.captures).toMatchObject([{ id: "socket", unused: true }]);
});

test("an answer that is refused doesn't go down: an error event does, and the socket ends", async () => {
  using socket = open();
  socket.upstream.emit("message", created("r1"), false);
  socket.upstream.emit("message", done("r1"), false);
  await socket.decide({ kind: "refused", refusal: new Refusal("budget_exceeded") });
  expect(socket.down.map((event) => /budget_exceeded|closed 1008|response/.exec(event)?.[0])).toEqual([
    "budget_exceeded",
    "closed 1008",
  ]);
  expect(socket.captures).toMatchObject([{ outcome: "refused", cause: "budget_exceeded" }]);
});

test("a refused frame is answered in the shape that the family has for errors, and names its event and exchange", async () => {
  const judged = { kind: "refused", refusal: new Refusal("param_not_allowed") } as const;
  const answers: unknown[] = [];
  for (const family of ["openai", "gemini"] as const) {
    using socket = open({ family, judged });
    socket.relay.fromConsumer(JSON.stringify({ type: "response.create", event_id: "e1" }));
    await Bun.sleep(0);
    answers.push(JSON.parse(socket.down[0] ?? ""), socket.captures[0]?.id);
  }
  const [openai, id, gemini] = answers;
  const error = { type: "invalid_request_error", code: "param_not_allowed", event_id: "e1", param: null };
  expect(openai).toMatchObject({ type: "error", event_id: id, status: 400, error });
  expect(gemini).toMatchObject({ error: { code: 400, status: "INVALID_ARGUMENT" } });
});

function pass(ticket: Ticket): SocketVerdict {
  return { kind: "passed", ticket, spare: () => void ticket.end("spared") };
}

/** A relay between two ends, of which there is what the relay uses and which write down what they are told; the consumer's own frames pass with one ticket, or have the verdict that is given. */
function open({ family = "openai", judged }: { family?: Family; judged?: SocketVerdict } = {}) {
  const captures: Capture[] = [];
  const down: string[] = [];
  const verdict = Promise.withResolvers<SocketVerdict>();
  const asked = createTicket();
  const nothing = () => {};
  const upstream = Object.assign(new EventEmitter(), {
    bufferedAmount: 0,
    send: nothing,
    pause: nothing,
    resume: nothing,
    close: nothing,
    terminate: nothing,
  });
  const relay = createSocketRelay({
    upstream: upstream as unknown as WebSocket,
    exchanges: createResponseExchanges({
      id: "socket",
      facts: socketFacts,
      hand: (capture) => void captures.push(capture),
      clock: { now: () => 0, elapsed: () => 0 },
      keepBytes: 10_000,
      meterBytes: 10_000,
    }),
    family,
    gate: {
      judge: () => judged ?? pass(asked.ticket),
      admitUnasked: () => verdict.promise,
      watch: () => nothing,
    },
    onEnd: nothing,
  });
  const consumer = {
    send: (event: string) => down.push(event),
    close: (code: number, reason: string) => down.push(`closed ${code} ${reason}`),
    pause: nothing,
    resume: nothing,
  };
  relay.start(consumer as unknown as ServerWebSocket<SocketRelay>);
  return {
    upstream,
    relay,
    captures,
    down,
    asked,
    decide: async (how: SocketVerdict) => {
      verdict.resolve(how);
      await Bun.sleep(0);
    },
    [Symbol.dispose]: () => relay.stop(),
  };
}
