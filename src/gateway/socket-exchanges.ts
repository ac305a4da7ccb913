import type { Dialect } from "../dialects/dialect.ts";
import type { CaptureFacts, Hand } from "../domain/capture.ts";
import type { Refusal } from "../domain/refusal.ts";
import type { Clock } from "./arrival.ts";
import type { Ticket } from "./ticket.ts";
import { createKept, type Kept } from "./kept.ts";
import { readSocketEvent, type SocketEvent } from "./socket-event.ts";
import { readSessionModels } from "./socket-session.ts";

/** Finds the exchanges inside one socket: each answer that a model gives on it is one, with the frame that asked for it. */
export type SocketExchanges = {
  /** `ticket` is what a frame that asks has taken; its answer is recorded under the ticket's id. */
  readonly fromConsumer: (frame: Buffer, ticket?: Ticket) => void;
  /** Whether a frame of the upstream's begins an answer that no frame has asked for: to speech that the provider heard end. */
  readonly beginsUnasked: (frame: Buffer) => boolean;
  /** `ticket` is what an answer that nobody asked for has taken. */
  readonly fromUpstream: (frame: Buffer, ticket?: Ticket) => void;
  /** A frame that we didn't let through, or an answer that nobody asked for; gives the id of its exchange. */
  readonly refused: (frame: Buffer | undefined, refusal: Pick<Refusal, "code" | "message">) => string;
  /** Answers that are under way. */
  readonly open: () => number;
  /** The socket is gone: what was under way ends so. `closed` is the code with which the consumer or the upstream closed it. */
  readonly end: (ending: SocketEnding, closed?: number) => void;
};

/** How an exchange on a socket ends. */
export type SocketEnding = Pick<CaptureFacts, "outcome" | "cause" | "message">;

/** What an exchange on a socket has in common with its socket. */
export type SocketFacts = Omit<CaptureFacts, "id" | "spanId" | "startedAt" | "endedAfter" | "outcome">;

/** What following a socket is made of. */
export type SocketExchangesParts = {
  /** The socket's own id, which its consumer was told. */
  readonly id: string;
  readonly facts: SocketFacts;
  readonly hand: Hand;
  readonly clock: Clock;
  readonly keepBytes: number;
  readonly meterBytes: number;
  /** The model that the socket was asked for with, if any. */
  readonly model?: string | undefined;
  /** Whether a frame of the upstream's tells nothing of what was used. */
  readonly isMedia?: Dialect["isMedia"];
};

type Exchange = {
  readonly id: string;
  readonly startedAt: number;
  readonly started: number;
  readonly request: Kept;
  readonly response: Kept;
  readonly ticket?: Ticket | undefined;
  /** What the consumer calls the event that asked. */
  readonly eventId?: string | undefined;
  /** What the provider calls its answer, once that has begun. */
  responseId?: string;
  firstByteAt?: number;
};

/** What an exchange begins with. */
type Asking = {
  readonly id?: string;
  readonly frame?: Buffer | undefined;
  readonly ticket?: Ticket | undefined;
  readonly eventId?: string | undefined;
};

const lineEnd = Buffer.from("\n");

/** No conversation has as many answers under way; what is beyond is held for a provider that never ends them. */
const mostOpen = 1000;

/**
 * Follows a socket that speaks OpenAI's events (https://platform.openai.com/docs/api-reference/realtime-server-events):
 * `response.create` asks, or the speech that the provider heard; `response.created` names the answer, `response.completed` and the like end it; several may interleave.
 * What the consumer said is written down by another model, and each such text is an exchange too. A socket on which none was found is one itself.
 */
export function createResponseExchanges(parts: SocketExchangesParts): SocketExchanges {
  const { clock } = parts;
  const socket = createExchange(parts, { id: parts.id });
  const asked: Exchange[] = [];
  const answering = new Map<string, Exchange>();
  let { model } = parts;
  let transcriber: string | undefined;
  let isUsed = false;

  return {
    fromConsumer(frame, ticket) {
      const event = readSocketEvent(frame);
      if (!event?.asks) return;
      makeRoom();
      asked.push(begin({ frame, ticket, eventId: event.id }));
    },
    beginsUnasked(frame) {
      if (asked.length > 0 || !frame.includes(beginning)) return false;
      const { type, responseId } = readSocketEvent(frame) ?? {};
      return type === beginning && responseId !== undefined && !answering.has(responseId);
    },
    fromUpstream(frame, ticket) {
      const event = readSocketEvent(frame);
      if (event && tellsSession.test(event.type)) takeSession(frame);
      if (event?.type === transcribed && event.counted !== undefined) return handTranscript(frame);
      const exchange = findExchange(event, ticket);
      if (!exchange) return;
      exchange.firstByteAt ??= clock.elapsed();
      keepLine(exchange.response, frame);
      if (event?.type === "error" && asked.includes(exchange)) return finish(exchange, { outcome: "answered" });
      if (event && ends.test(event.type)) finish(exchange, { outcome: "answered" });
    },
    refused(frame, { code, message }) {
      const exchange = begin({ frame });
      handOver(exchange, { outcome: "refused", cause: code, message });
      return exchange.id;
    },
    open: () => asked.length + answering.size,
    end(ending, closed) {
      if (!isUsed) hand(parts, socket, { ...endingOf(ending, closed), unused: true });
      const left = [...asked.splice(0), ...answering.values()];
      answering.clear();
      for (const exchange of left) handOver(exchange, ending);
    },
  };

  function begin(asking: Asking): Exchange {
    isUsed = true;
    return createExchange(parts, asking);
  }

  function takeSession(frame: Buffer): void {
    const told = readSessionModels(frame);
    if (!told) return;
    model = told.model ?? model;
    transcriber = told.transcriber;
  }

  function handTranscript(frame: Buffer): void {
    const exchange = begin({});
    exchange.firstByteAt = exchange.started;
    keepLine(exchange.response, frame);
    hand(parts, exchange, { outcome: "answered", ...(transcriber === undefined ? {} : { socketModel: transcriber }) });
  }

  /** An event says which answer it belongs to, or there is only one that it can belong to. */
  function findExchange(event: SocketEvent | undefined, ticket?: Ticket): Exchange | undefined {
    const named = event?.responseId === undefined ? undefined : answering.get(event.responseId);
    if (named) return named;
    if (event?.type === beginning && event.responseId !== undefined) return beginAnswer(event.responseId, ticket);
    if (event?.type === "error") {
      const { about } = event;
      if (about !== undefined) return [...asked, ...answering.values()].find(({ eventId }) => eventId === about);
      if (asked.length > 0) return asked[0];
    }
    return answering.size === 1 ? answering.values().next().value : undefined;
  }

  function beginAnswer(responseId: string, ticket?: Ticket): Exchange {
    if (asked.length === 0) makeRoom();
    const exchange = asked.shift() ?? begin({ ticket });
    exchange.responseId = responseId;
    answering.set(responseId, exchange);
    return exchange;
  }

  function makeRoom(): void {
    if (asked.length + answering.size < mostOpen) return;
    const oldest = answering.values().next().value ?? asked[0];
    if (oldest) finish(oldest, neverEnded);
  }

  function finish(exchange: Exchange, ending: SocketEnding): void {
    if (exchange.responseId === undefined) asked.splice(asked.indexOf(exchange), 1);
    else answering.delete(exchange.responseId);
    handOver(exchange, ending);
  }

  function handOver(exchange: Exchange, ending: SocketEnding): void {
    hand(parts, exchange, { ...ending, ...(model === undefined ? {} : { socketModel: model }) });
  }
}

/** Follows any other socket, which is one exchange from its first frame to its end. */
export function createWholeExchange(parts: SocketExchangesParts, ticket?: Ticket): SocketExchanges {
  const { clock, isMedia } = parts;
  const cap = ticket ? parts.meterBytes : parts.keepBytes;
  const exchange = createExchange(parts, { id: parts.id, ticket });
  return {
    fromConsumer: (frame) => keepLine(exchange.request, frame),
    fromUpstream(frame) {
      exchange.firstByteAt ??= clock.elapsed();
      const { response } = exchange;
      // Each turn tells its own usage alone: sound must not push that out.
      const isNeedless = response.total() + frame.length > cap / 2 && isMedia?.(frame);
      if (isNeedless) response.pass(frame.length + lineEnd.length);
      else keepLine(response, frame);
    },
    beginsUnasked: () => false,
    refused: () => exchange.id,
    open: () => 0,
    end: (ending, closed) => hand(parts, exchange, endingOf(ending, closed)),
  };
}

function createExchange(
  { clock, meterBytes, keepBytes }: SocketExchangesParts,
  { id, frame, ticket, eventId }: Asking,
): Exchange {
  const cap = ticket ? meterBytes : keepBytes;
  const exchange: Exchange = {
    id: ticket?.id ?? id ?? Bun.randomUUIDv7(),
    ticket,
    eventId,
    startedAt: clock.now(),
    started: clock.elapsed(),
    request: createKept(cap),
    response: createKept(cap),
  };
  if (frame) exchange.request.add(frame);
  return exchange;
}

/** How a socket ends that is one exchange. */
function endingOf(ending: SocketEnding, closed: number | undefined): SocketEnding {
  return whole.has(closed) ? { outcome: "answered" } : ending;
}

/** Nothing else tells that such a socket has served its purpose; 1005 is a close without a code (RFC 6455, 7.4.1). */
const whole: ReadonlySet<number | undefined> = new Set([1000, 1005]);
const neverEnded: SocketEnding = {
  outcome: "failed",
  cause: "upstream_incomplete",
  message: "This answer never ended, and a thousand others were asked for since.",
};
const beginning = "response.created";
const transcribed = "conversation.item.input_audio_transcription.completed";
const tellsSession = /^(?:transcription_)?session\.(?:created|updated)$/;
const ends = /^response\.(?:completed|done|failed|incomplete|cancelled)$/;

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
  ending: SocketEnding & Pick<CaptureFacts, "socketModel" | "unused">,
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
