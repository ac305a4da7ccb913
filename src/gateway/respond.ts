import { isEventStream } from "../dialects/body-form.ts";
import { families } from "../dialects/family.ts";
import { removeAddedQuery } from "./added-query.ts";
import type { Arrival, Clock } from "./arrival.ts";
import { type Call, isJson } from "./call.ts";
import { decide } from "./decide.ts";
import { decodeReader } from "./decode-reader.ts";
import type { Answer } from "./forward.ts";
import { readDownstreamHeaders } from "./headers.ts";
import { createKept, keepWhole, keptNothing } from "./kept.ts";
import { maskKey } from "./mask-answer.ts";
import type { Recorder } from "./recorder.ts";
import { createTap, type TapEnd } from "./tap.ts";
import type { Ticket } from "./ticket.ts";
import type { ChunkReader } from "./upload.ts";
import { createUsageFilter } from "./usage-filter.ts";
import type { UsageHeaders } from "./usage-headers.ts";

/** Sends an answer down, and has its end recorded whatever that is. */
export type Respond = (call: Call, answer: Answer) => Response | Promise<Response>;

/** What sending answers down is made of. Milliseconds; 0 switches a timer off. */
export type RespondParts = {
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly keepBytes: number;
  /** The same for calls that have taken of limits or budgets. */
  readonly meterBytes: number;
  readonly idleMs: number;
  /** Whether the upstream is read on after its consumer left, and for how long. */
  readonly onDisconnect: "cancel" | "drain";
  readonly drainTimeoutMs: number;
  /** A broken stream says so in its dialect before it breaks. */
  readonly streamErrorEvent: boolean;
  /** Closes a consumer's connection soon, without an end of its answer. */
  readonly breakOff: (request: Request) => void;
  /** What whole answers tell of their usage; absent where nobody asked for it. */
  readonly usageHeaders?: UsageHeaders;
};

/** Creates the way down. */
export function createRespond(parts: RespondParts): Respond {
  const { recorder, clock } = parts;

  return (call, answer) => {
    const { status, body } = answer;
    const headers = readDownstreamHeaders(answer.headers, body.kind !== "stream");
    const isEmptied = removeAddedQuery(headers, call.route.provider, call.grant) && status >= 300 && status < 400;
    if (isEmptied) for (const name of ["content-length", "content-encoding"]) headers.delete(name);
    addOwnHeaders(headers, call, answer);
    switch (body.kind) {
      case "none": {
        const durable = recorder.ended(call, answer, { end: { kind: "complete" }, kept: keptNothing });
        if (call.method === "HEAD") leaveLengthOpen(headers, status);
        return whenDurable(durable, new Response(null, { status, headers }));
      }
      case "whole": {
        const bytes = withoutKey(call, answer, body.bytes);
        if (!answer.cache) addUsageHeaders(headers, call, answer, bytes);
        const kept = keepWhole(bytes, bytesToKeep(call));
        const durable = recorder.ended(call, answer, { end: endOf(call), kept, firstByteAt: answer.headAt });
        return whenDurable(durable, new Response(isEmptied ? null : createBody(bytes, headers), { status, headers }));
      }
      case "stream": {
        const decoded =
          call.spliced && isEventStream(answer.headers.get("content-type")) ? decode(body.reader, headers) : undefined;
        const down = createDown(call, answer, decoded ?? body.reader, decoded !== undefined);
        if (!call.request.signal.aborted) return new Response(isEmptied ? empty(down) : down, { status, headers });
        // The consumer left before there was anything to pull, so nothing else would end it.
        void down.cancel();
        return new Response(null, { status, headers });
      }
    }
  };

  function bytesToKeep({ ticket }: Call): number {
    return ticket ? parts.meterBytes : parts.keepBytes;
  }

  function addUsageHeaders(headers: Headers, call: Call, answer: Answer, bytes: Uint8Array): void {
    if (!parts.usageHeaders || !isJson(answer.headers.get("content-type") ?? undefined)) return;
    const usage = parts.usageHeaders(call, answer, bytes);
    for (const name in usage) headers.set(name, usage[name] ?? "");
  }

  /** Where records have to be durable first, one that is not in time breaks the connection in place of the answer. */
  function whenDurable(durable: Promise<boolean> | undefined, response: Response): Response | Promise<Response> {
    if (!durable) return response;
    return durable.then((shown) => {
      if (shown) return response;
      return new Response(new ReadableStream({ pull: (controller) => controller.error(undefined) }));
    });
  }

  /** Only a consumer whose upstream is read on in its absence can have left by now. */
  function endOf({ request }: Call): TapEnd {
    return request.signal.aborted ? { kind: "left" } : { kind: "complete" };
  }

  function createDown(call: Call, answer: Answer, reader: ChunkReader, filtered: boolean): ReadableStream<Uint8Array> {
    const kept = createKept(bytesToKeep(call));
    let firstByteAt: number | undefined;
    return createTap({
      reader,
      kept,
      ...(filtered ? { filter: createUsageFilter() } : {}),
      watch: call.watch,
      elapsed: clock.elapsed,
      idleMs: parts.idleMs,
      drainMs: decide(call, "onDisconnect", parts.onDisconnect) === "drain" ? parts.drainTimeoutMs : 0,
      onFirstByte: () => {
        firstByteAt = clock.elapsed();
      },
      onEnd: (end) => {
        const seen = filtered ? { ...answer, headers: withoutEncoding(answer.headers) } : answer;
        return recorder.ended(call, seen, {
          end,
          kept: kept.take(),
          chunks: kept.chunks(),
          ...(firstByteAt === undefined ? {} : { firstByteAt }),
        });
      },
      breakOff: (controller, begun) => {
        const tells =
          isEventStream(answer.headers.get("content-type")) && decide(call, "streamErrorEvent", parts.streamErrorEvent);
        if (tells) controller.enqueue(encodeErrorEvent(call));
        // The head waits for a first byte: without one, half of it would go down and look like an empty answer.
        if (begun || tells) parts.breakOff(call.request);
        else controller.error(undefined);
      },
    });
  }
}

/** Some providers quote the key that they refuse: one that was put in is not its consumer's to know. */
function withoutKey({ grant: { key } }: Call, { status }: Answer, bytes: Uint8Array): Uint8Array {
  return status >= 400 && key !== undefined ? maskKey(bytes, key) : bytes;
}

/** The runtime would say a length of 0 of a body whose length nobody has told. */
function leaveLengthOpen(headers: Headers, status: number): void {
  if (status === 204 || status === 304 || headers.has("content-length")) return;
  headers.set("transfer-encoding", "chunked");
}

/** The runtime gives bytes without a type one of its own, but leaves a stream as it is. */
function createBody(bytes: Uint8Array, headers: Headers): Uint8Array | ReadableStream<Uint8Array> {
  if (headers.has("content-type")) return bytes;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

/** What a redirect says is where it leads, once more. */
function empty(down: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return down.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({ transform: () => {} }));
}

/** What every answer tells of us. Milliseconds in `server-timing` (https://www.w3.org/TR/server-timing/). */
function addOwnHeaders(headers: Headers, call: Call, { sentAt, headAt, cache }: Answer): void {
  addIds(headers, call);
  if (call.ticket) addLimitHeaders(headers, call.ticket);
  const upstream = cache ? "" : `, upstream;dur=${(headAt - sentAt).toFixed(3)}`;
  headers.append("server-timing", `weir;dur=${(sentAt - call.started).toFixed(3)}${upstream}`);
}

/** What is left of the tightest limit; a header that the upstream has by that name is the upstream's. */
function addLimitHeaders(headers: Headers, { headers: own }: Ticket): void {
  for (const name in own) if (!headers.has(name)) headers.set(name, own[name] ?? "");
}

/** Names the exchange and its trace; `x-request-id` stays the upstream's where it gave one. */
export function addIds(headers: Headers, { id, traceId }: Pick<Arrival, "id" | "traceId">): void {
  headers.set("x-weir-exchange-id", id);
  headers.set("x-weir-trace-id", traceId);
  if (!headers.has("x-request-id")) headers.set("x-request-id", traceId);
}

/** An event can't be taken out of compressed bytes, so they are decoded and go down as they are then. */
function decode(reader: ChunkReader, headers: Headers): ChunkReader {
  const encoding = headers.get("content-encoding");
  const decoded = encoding === null ? undefined : decodeReader(reader, encoding);
  if (!decoded) return reader;
  headers.delete("content-encoding");
  return decoded;
}

function withoutEncoding(headers: Headers): Headers {
  const plain = new Headers(headers);
  plain.delete("content-encoding");
  return plain;
}

function encodeErrorEvent({ route }: Call): Uint8Array {
  return new TextEncoder().encode(
    families[route.dialect.family].streamError("upstream_failed", "The provider broke off its answer."),
  );
}
