import type { ServerWebSocket } from "bun";
import type { WebSocket } from "ws";
import type { Family } from "../dialects/dialect.ts";
import { families } from "../dialects/family.ts";
import type { Refusal } from "../domain/refusal.ts";
import { readSocketEvent } from "./socket-event.ts";
import type { SocketEnding, SocketExchanges } from "./socket-exchanges.ts";
import type { SocketGate } from "./socket-gate.ts";
import type { Ticket } from "./ticket.ts";

/** One socket that is relayed: frames in order, at the pace of the slower side, close codes and reasons carried over. */
export type SocketRelay = {
  /** The consumer's end is open. */
  readonly start: (consumer: ServerWebSocket<SocketRelay>) => void;
  readonly fromConsumer: (frame: string | Buffer) => void;
  /** The consumer's end takes frames again. */
  readonly drained: () => void;
  readonly consumerClosed: (code: number, reason: string) => void;
  /** Ends the socket with 1001 as soon as no answer is under way. */
  readonly leave: () => void;
  /** Ends it now. */
  readonly stop: () => void;
};

/** What a relay is made of. */
export type SocketRelayParts = {
  readonly upstream: WebSocket;
  readonly exchanges: SocketExchanges;
  /** Whose errors a refusal is told as. */
  readonly family: Family;
  /** Decides of what the consumer asks for; absent where anything may be asked. */
  readonly gate?: SocketGate | undefined;
  /** Called once, when both ends are gone. */
  readonly onEnd: () => void;
};

/** The upstream takes frames slower than they come: the consumer's end is paused above this, until half of it has gone. Bytes. */
const highWater = 1_048_576;
type Step = () => Promise<void> | undefined;

const shutdown: SocketEnding = { outcome: "failed", cause: "shutdown" };
const clientClosed: SocketEnding = { outcome: "aborted", cause: "client_closed" };

/** Creates the relay of an upstream socket that is open and paused. */
export function createSocketRelay({ upstream, exchanges, family, gate, onEnd }: SocketRelayParts): SocketRelay {
  /** Frames of the consumer's behind one that is being judged. */
  const held: (string | Buffer)[] = [];
  let judging = false;
  /** What came of the upstream behind an answer that is being judged. */
  const coming: Step[] = [];
  let judgingDown = false;
  /** The consumer may not ask for anything any more, for this reason. */
  let lost: string | undefined;
  let consumer: ServerWebSocket<SocketRelay> | undefined;
  let leaving = false;
  /** What it ends as where we closed it, whatever either side answers to that. */
  let left: SocketEnding | undefined;
  let ended = false;
  let stopped = false;

  const unwatch = gate?.watch(({ message }) => lose(message));
  upstream.on("message", (data: Buffer, binary: boolean) => inOrder(() => fromUpstream(data, binary)));
  upstream.on("close", (code: number, reason: Buffer) => inOrder(() => upstreamClosed(code, reason)));
  upstream.on("error", () => upstream.terminate());

  return {
    start(opened) {
      consumer = opened;
      upstream.resume();
    },
    fromConsumer(frame) {
      if (!gate) return passUp(frame);
      held.push(frame);
      if (!judging) void judgeHeld(gate);
    },
    drained: () => upstream.resume(),
    consumerClosed(code, reason) {
      end(clientClosed, code);
      if (code === 1006) upstream.terminate();
      else closeUpstream(code, reason);
    },
    leave() {
      leaving = true;
      leaveWhenIdle();
    },
    stop() {
      stopped = true;
      end(shutdown);
      consumer?.close(1001, "The gateway is shutting down");
      upstream.terminate();
    },
  };

  function inOrder(step: Step): void {
    if (judgingDown) return void coming.push(step);
    const judged = step();
    if (judged) void takeComing(judged);
  }

  async function takeComing(first: Promise<void>): Promise<void> {
    judgingDown = true;
    await first;
    for (let step = coming.shift(); step; step = coming.shift()) await step();
    judgingDown = false;
  }

  function fromUpstream(data: Buffer, binary: boolean): Promise<void> | undefined {
    if (ended || left) return undefined;
    if (gate && exchanges.beginsUnasked(data)) return judgeUnasked(gate, data, binary);
    passDown(data, binary);
    return undefined;
  }

  function passDown(data: Buffer, binary: boolean, ticket?: Ticket): void {
    exchanges.fromUpstream(data, ticket);
    if (consumer?.send(binary ? data : data.toString()) === -1) upstream.pause();
    if (leaving || lost !== undefined) leaveWhenIdle();
  }

  /** Nothing can be sent up that would forbid the provider its answer: where there is no room for it the socket ends. */
  async function judgeUnasked({ admitUnasked }: SocketGate, data: Buffer, binary: boolean): Promise<void> {
    upstream.pause();
    const verdict = await admitUnasked();
    upstream.resume();
    // Meanwhile the consumer may have asked, and then the answer has that ticket.
    if (ended || left || !exchanges.beginsUnasked(data)) {
      if (verdict.kind === "passed") verdict.spare();
      return ended || left ? undefined : passDown(data, binary);
    }
    if (verdict.kind === "passed") return passDown(data, binary, verdict.ticket);
    const { refusal } = verdict;
    consumer?.send(families[family].socketError(refusal, exchanges.refused(undefined, refusal)));
    lost ??= refusal.message;
    leaveNow();
  }

  function upstreamClosed(code: number, reason: Buffer): undefined {
    end(stopped || leaving ? shutdown : { outcome: "failed", cause: "upstream_reset" }, code);
    if (code === 1006) consumer?.terminate();
    else consumer?.close(code === 1005 ? 1000 : code, reason.toString());
  }

  function passUp(frame: string | Buffer, ticket?: Ticket): void {
    exchanges.fromConsumer(toBytes(frame), ticket);
    upstream.send(frame, resumeConsumer);
    if (upstream.bufferedAmount > highWater) consumer?.pause();
  }

  /** One frame after the other; while one is judged the consumer is not read. */
  async function judgeHeld({ judge }: SocketGate): Promise<void> {
    judging = true;
    for (let frame = held.shift(); frame !== undefined && !ended; frame = held.shift()) {
      const judged = judge(toBytes(frame));
      if (judged instanceof Promise) consumer?.pause();
      const verdict = await judged;
      if (lost !== undefined || ended) {
        if (verdict?.kind === "passed") verdict.spare();
        continue;
      }
      if (!verdict || verdict.kind === "passed") {
        passUp(frame, verdict?.ticket);
        continue;
      }
      const event = writeRefusal(toBytes(frame), verdict.refusal);
      if (verdict.kind === "closed") lose(verdict.refusal.message);
      else consumer?.send(event);
    }
    judging = false;
    resumeConsumer();
  }

  function writeRefusal(frame: Buffer, refusal: Refusal): string {
    return families[family].socketError(refusal, exchanges.refused(frame, refusal), readSocketEvent(frame)?.id);
  }

  function lose(reason: string): void {
    lost ??= reason;
    leaveWhenIdle();
  }

  function resumeConsumer(): void {
    if (judging) return;
    if (consumer?.isPaused && upstream.bufferedAmount < highWater / 2) consumer.resume();
  }

  function leaveWhenIdle(): void {
    if (exchanges.open() === 0) leaveNow();
  }

  function leaveNow(): void {
    left = lost === undefined ? shutdown : clientClosed;
    // A reason is at most 123 bytes (RFC 6455, 5.5.1).
    if (lost === undefined) consumer?.close(1001, "The gateway is shutting down");
    else consumer?.close(1008, lost.slice(0, 120));
    closeUpstream(1001, "");
  }

  /** Codes that only stand for a missing one can't be sent. */
  function closeUpstream(code: number, reason: string): void {
    if (code === 1005) return upstream.close();
    try {
      upstream.close(code, reason);
    } catch {
      upstream.close();
    }
  }

  function end(ending: SocketEnding, closed?: number): void {
    if (ended) return;
    ended = true;
    unwatch?.();
    if (left) exchanges.end(left);
    else exchanges.end(ending, closed);
    onEnd();
  }
}

function toBytes(frame: string | Buffer): Buffer {
  return typeof frame === "string" ? Buffer.from(frame) : frame;
}
