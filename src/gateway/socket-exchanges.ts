import type { CaptureFacts, Hand } from "../domain/capture.ts";
import type { Refusal } from "../domain/refusal.ts";
import { findMember, type Member, scanObject } from "../lib/json-scan.ts";
import type { Clock } from "./arrival.ts";
import type { Ticket } from "./ticket.ts";
import { createKept, type Kept } from "./kept.ts";

/** Finds the exchanges inside one socket: each answer that a model gives on it is one, with the frame that asked for it. */
export type SocketExchanges = {
  /** `ticket` is what a frame that asks has taken; its answer is recorded under the ticket's id. */
  readonly fromConsumer: (frame: Buffer, ticket?: Ticket) => void;
  readonly fromUpstream: (frame: Buffer) => void;
  /** A frame that we didn't let through. */
  readonly refused: (frame: Buffer, refusal: Pick<Refusal, "code" | "message">) => void;
  /** Answers that are under way. */
  readonly open: () => number;
  /** Exchanges that were found so far. */
  readonly found: () => number;
  /** The socket is gone: what was under way ends so. */
  readonly end: (ending: Pick<CaptureFacts, "outcome" | "cause" | "message">) => void;
};

/** What an exchange on a socket has in common with its socket. */
export type SocketFacts = Omit<CaptureFacts, "id" | "spanId" | "startedAt" | "endedAfter" | "outcome">;

/** What following a socket is made of. */
export type SocketExchangesParts = {
  readonly facts: SocketFacts;
  readonly hand: Hand;
  readonly clock: Clock;
  readonly keepBytes: number;
  readonly meterBytes: number;
};

type Exchange = {
  readonly id: string;
  readonly startedAt: number;
  readonly started: number;
  readonly request: Kept;
  readonly response: Kept;
  readonly ticket?: Ticket | undefined;
  firstByteAt?: number;
};

/** Frames that are longer hold sound or pictures, and are only counted. Bytes. */
const longestRead = 262_144;
const lineEnd = Buffer.from("\n");

/**
 * Follows a socket that speaks OpenAI's events (https://platform.openai.com/docs/api-reference/realtime-server-events):
 * `response.create` asks, `response.created` names the answer, `response.completed` and the like end it; several may interleave.
 */
export function createResponseExchanges(parts: SocketExchangesParts): SocketExchanges {
  const { clock } = parts;
  const asked: Exchange[] = [];
  const answering = new Map<string, Exchange>();
  let found = 0;

  return {
    fromConsumer(frame, ticket) {
      const event = readEvent(frame);
      if (event?.type === "response.create") asked.push(begin(frame, ticket));
      // What is too long to be read was not followed either.
      else ticket?.end("answered");
    },
    fromUpstream(frame) {
      const event = readEvent(frame);
      const exchange = findExchange(event);
      if (!exchange) return;
      exchange.firstByteAt ??= clock.elapsed();
      keepLine(exchange.response, frame);
      if (event?.type === "error" && asked[0] === exchange) return finish(exchange, { outcome: "answered" });
      if (event && ends.test(event.type)) finish(exchange, { outcome: "answered" });
    },
    refused: (frame, { code, message }) => hand(parts, begin(frame), { outcome: "refused", cause: code, message }),
    open: () => asked.length + answering.size,
    found: () => found,
    end(ending) {
      for (const exchange of [...asked, ...answering.values()]) finish(exchange, ending);
    },
  };

  function begin(frame: Buffer | undefined, ticket?: Ticket): Exchange {
    found += 1;
    const exchange = {
      id: ticket?.id ?? Bun.randomUUIDv7(),
      ticket,
      startedAt: clock.now(),
      started: clock.elapsed(),
      request: createKept(ticket ? parts.meterBytes : parts.keepBytes),
      response: createKept(ticket ? parts.meterBytes : parts.keepBytes),
    };
    if (frame) exchange.request.add(frame);
    return exchange;
  }

  /** An event says which answer it belongs to, or there is only one that it can belong to. */
  function findExchange(event: SocketEvent | undefined): Exchange | undefined {
    if (event?.type === "response.created" && event.responseId !== undefined) {
      const exchange = asked.shift() ?? begin(undefined);
      answering.set(event.responseId, exchange);
      return exchange;
    }
    const named = event?.responseId === undefined ? undefined : answering.get(event.responseId);
    if (named) return named;
    if (event?.type === "error" && asked.length > 0) return asked[0];
    return answering.size === 1 ? answering.values().next().value : undefined;
  }

  function finish(exchange: Exchange, ending: Pick<CaptureFacts, "outcome" | "cause" | "message">): void {
    const at = asked.indexOf(exchange);
    if (at !== -1) asked.splice(at, 1);
    for (const [id, each] of answering) if (each === exchange) answering.delete(id);
    hand(parts, exchange, ending);
  }
}

/** Follows any other socket, which is one exchange from its first frame to its end. */
export function createWholeExchange(parts: SocketExchangesParts, ticket?: Ticket): SocketExchanges {
  const { clock } = parts;
  const exchange: Exchange = {
    id: ticket?.id ?? Bun.randomUUIDv7(),
    ticket,
    startedAt: clock.now(),
    started: clock.elapsed(),
    request: createKept(ticket ? parts.meterBytes : parts.keepBytes),
    response: createKept(ticket ? parts.meterBytes : parts.keepBytes),
  };
  return {
    fromConsumer: (frame) => keepLine(exchange.request, frame),
    fromUpstream(frame) {
      exchange.firstByteAt ??= clock.elapsed();
      keepLine(exchange.response, frame);
    },
    refused: () => {},
    open: () => 0,
    found: () => 1,
    end: (ending) => hand(parts, exchange, ending),
  };
}

const ends = /^response\.(?:completed|done|failed|incomplete|cancelled)$/;

type SocketEvent = { readonly type: string; readonly responseId?: string };

function readEvent(frame: Buffer): SocketEvent | undefined {
  const members = frame.length > longestRead ? undefined : scanObject(frame);
  const type = members && readText(frame, findMember(members, "type"));
  if (!members || type === undefined) return undefined;
  const responseId =
    readText(frame, findMember(members, "response_id")) ?? readResponseId(frame, findMember(members, "response"));
  return responseId === undefined ? { type } : { type, responseId };
}

function readResponseId(frame: Buffer, response: Member | undefined): string | undefined {
  const inner = response && scanObject(frame, response.start);
  return inner && readText(frame, findMember(inner, "id"));
}

function readText(frame: Buffer, member: Member | undefined): string | undefined {
  return member && frame[member.start] === 0x22 ? frame.toString("utf8", member.start + 1, member.end - 1) : undefined;
}

/** One line a frame: line ends inside JSON are only white space. */
function keepLine(kept: Kept, frame: Buffer): void {
  kept.add(
    frame.includes(0x0a) ? Buffer.from(frame.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte))) : frame,
  );
  kept.add(lineEnd);
}

function hand(
  { facts, hand: take, clock }: SocketExchangesParts,
  exchange: Exchange,
  ending: Pick<CaptureFacts, "outcome" | "cause" | "message">,
): void {
  const { id, ticket, startedAt, started, firstByteAt, request, response } = exchange;
  const metered = ticket?.end("answered");
  void take({
    ...facts,
    ...ending,
    ...(metered === undefined ? {} : { metered }),
    id,
    spanId: id.replaceAll("-", "").slice(16),
    startedAt,
    sentAfter: 0,
    firstByteAfter: firstByteAt === undefined ? undefined : firstByteAt - started,
    endedAfter: clock.elapsed() - started,
    requestType: "application/json",
    responseType: "application/x-ndjson",
    request: request.take(),
    response: response.take(),
  });
}
