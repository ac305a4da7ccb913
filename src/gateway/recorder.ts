import type { Capture, CaptureFacts, Hand, KeptBytes } from "../domain/capture.ts";
import type { Outcome } from "../domain/exchange.ts";
import { Refusal } from "../domain/refusal.ts";
import { maskQuery, maskSecrets } from "../lib/mask-secrets.ts";
import type { Arrival, Clock } from "./arrival.ts";
import { type Call, type CallBody, ConsumerLeft, type Leave } from "./call.ts";
import { type Grant, listCredentials } from "./credential.ts";
import type { Answer } from "./forward.ts";
import { keepWhole, keptNothing } from "./kept.ts";
import { maskAnswer } from "./mask-answer.ts";
import type { Route } from "./route.ts";
import type { TapEnd } from "./tap.ts";
import type { Ticket } from "./ticket.ts";
import type { UnderWay } from "./under-way.ts";

/** How an exchange ended, as it is recorded. */
export type Ending = Pick<CaptureFacts, "outcome" | "cause" | "message" | "status">;

/** Writes down how exchanges ended. */
export type Recorder = {
  /** An answer went down, as far as it went. */
  readonly ended: (call: Call, answer: Answer, end: AnswerEnd) => Promise<boolean> | undefined;
  /** We answered ourselves, or nobody was there to answer any more. */
  readonly refused: (arrival: Arrival, refusal: RefusedExchange) => Promise<boolean> | undefined;
};

/** What passed of an answer, and how it ended. */
export type AnswerEnd = {
  readonly end: TapEnd;
  readonly kept: KeptBytes;
  readonly firstByteAt?: number;
  readonly chunks?: number;
};

/** What is known of an exchange that never had an answer from upstream. */
export type RefusedExchange = {
  readonly error: unknown;
  readonly route?: Route;
  readonly body?: CallBody;
  /** What it was let go with; absent where the consumer showed no credential that we take. */
  readonly grant?: Grant;
  readonly ticket?: Ticket | undefined;
  /** When it went upstream, if it did; monotonic milliseconds. */
  readonly sentAt?: number;
};

/** What recording is made of. */
export type RecorderParts = {
  readonly hand: Hand;
  readonly underWay: Pick<UnderWay, "end">;
  readonly clock: Clock;
  /** What each side's body may keep, and that of a call that has taken of limits or budgets. */
  readonly keepBytes: number;
  readonly meterBytes: number;
};

/** Creates the recorder. */
export function createRecorder({ hand, underWay, clock, keepBytes, meterBytes }: RecorderParts): Recorder {
  return {
    ended(call, answer, { end, kept, firstByteAt, chunks }) {
      const { headers, sentAt } = answer;
      const capture = createCapture(call, call, call.body, endings[end.kind](answer.status));
      if (call.ticket) capture.request = readKept(call.body, meterBytes);
      capture.responseType = headers.get("content-type") ?? undefined;
      capture.responseEncoding = headers.get("content-encoding") ?? undefined;
      capture.upstreamRequestId = headers.get("x-request-id") ?? headers.get("request-id") ?? undefined;
      capture.sentAfter = answer.cache ? undefined : sentAt - call.started;
      capture.cache = answer.cache;
      capture.firstByteAfter = firstByteAt === undefined ? undefined : firstByteAt - call.started;
      capture.chunks = chunks;
      capture.response = kept;
      if (answer.status >= 400) hideKeys(capture, call);
      capture.metered = call.ticket?.end(answer.status >= 500 ? "spared" : "answered");
      underWay.end(call.watch);
      return hand(capture);
    },
    refused(arrival, { error, route, body, grant, ticket, sentAt }) {
      const capture = createCapture(
        arrival,
        { route, grant },
        body ?? { kind: "none" },
        readRefusal(error, sentAt !== undefined),
      );
      const subject = error instanceof Refusal ? error.subject : undefined;
      if (subject && !grant) Object.assign(capture, subject);
      if (!grant && !subject) capture.anonymous = true;
      capture.sentAfter = sentAt === undefined ? undefined : sentAt - arrival.started;
      capture.metered = ticket?.end(sentAt === undefined || error instanceof Refusal ? "spared" : "answered");
      underWay.end(arrival.watch);
      return hand(capture);
    },
  };

  /** One literal with every member, since this runs for each exchange: objects of one shape are read fastest. */
  function createCapture(
    arrival: Arrival,
    leave: Partial<Leave>,
    body: CallBody,
    { outcome, cause, message, status }: Ending,
  ): Draft {
    const { headers } = arrival;
    return {
      ...readArrivalFacts(arrival, leave),
      requestType: headers["content-type"],
      requestEncoding: headers["content-encoding"],
      responseType: undefined,
      responseEncoding: undefined,
      upstreamRequestId: undefined,
      status,
      outcome,
      cause,
      message,
      sentAfter: undefined,
      firstByteAfter: undefined,
      endedAfter: clock.elapsed() - arrival.started,
      chunks: undefined,
      metered: undefined,
      cache: undefined,
      anonymous: undefined,
      request: readKept(body, keepBytes),
      response: keptNothing,
    };
  }
}

/** An error may quote the key that it is about: the one that we placed, or the consumer's own. */
function hideKeys(capture: Draft, { grant, headers, search }: Call): void {
  const own = listCredentials(headers, search).filter(({ place }) => !grant.emptied.has(place));
  const keys = grant.key === undefined ? own.map(({ value }) => value) : [grant.key];
  const { kept, encoding } = maskAnswer({ kept: capture.response, encoding: capture.responseEncoding }, keys);
  capture.response = kept;
  capture.responseEncoding = encoding;
}

/** A capture that is being filled in. */
type Draft = { -readonly [Name in keyof Capture]: Capture[Name] };

const endings: Readonly<Record<TapEnd["kind"], (status: number) => Ending>> = {
  complete: (status) => ({ outcome: "answered", status }),
  left: (status) => ({ outcome: "aborted", cause: "client_closed", status }),
  broken: (status) => ({
    outcome: "failed",
    cause: "upstream_reset",
    message: "The provider broke off its answer.",
    status,
  }),
  idle: (status) => ({
    outcome: "failed",
    cause: "upstream_idle",
    message: "The provider stopped sending its answer.",
    status,
  }),
  shutdown: (status) => ({
    outcome: "failed",
    cause: "shutdown",
    message: "The gateway had to stop before the answer was whole.",
    status,
  }),
};

/** Failures of an upstream are failures; what we would not let through is a refusal. */
const failures: ReadonlySet<string> = new Set([
  "upstream_unreachable",
  "upstream_failed",
  "upstream_timeout",
  "internal_error",
]);

/** What went up and was ended by a shutdown was no refusal, whatever its consumer was told. */
function readRefusal(error: unknown, wentUp: boolean): Ending {
  if (error instanceof ConsumerLeft) return { outcome: "aborted", cause: "client_closed", message: error.message };
  if (!(error instanceof Refusal)) return { outcome: "failed", cause: "internal_error", status: 500 };
  if (error.code === "draining" && wentUp)
    return { outcome: "failed", cause: "shutdown", message: error.message, status: error.status };
  const outcome: Outcome = failures.has(error.code) ? "failed" : "refused";
  return { outcome, cause: error.code, message: error.message, status: error.status };
}

export type ArrivalFacts = Pick<
  Capture,
  | "id"
  | "traceId"
  | "spanId"
  | "parentSpanId"
  | "linkedTrace"
  | "transport"
  | "provider"
  | "dialect"
  | "method"
  | "path"
  | "query"
  | "startedAt"
  | "attribution"
  | "projectId"
  | "tokenId"
  | "exchangeLog"
  | "userId"
>;

/** What a capture tells of a request's head. */
export function readArrivalFacts(arrival: Arrival, { route, grant }: Partial<Leave>): ArrivalFacts {
  const { search } = arrival;
  const token = grant?.pass?.token;
  const kept = grant?.pass?.project.settings.exchangeLog;
  return {
    id: arrival.id,
    traceId: arrival.traceId,
    spanId: arrival.spanId,
    parentSpanId: arrival.parentSpanId,
    linkedTrace: arrival.linkedTrace,
    transport: "http",
    provider: route?.provider.name,
    dialect: route?.dialect.name,
    method: arrival.method,
    path: maskSecrets(route?.path ?? arrival.path),
    query: search === "" ? undefined : maskQuery(search).slice(1) || undefined,
    startedAt: arrival.startedAt,
    attribution: arrival.attribution,
    projectId: token?.projectId,
    tokenId: token?.id,
    exchangeLog: kept === "full" ? undefined : kept,
    userId: token?.userId,
  };
}

function readKept(body: CallBody, keepBytes: number): KeptBytes {
  switch (body.kind) {
    case "none":
      return keptNothing;
    case "whole":
      return keepWhole(body.bytes, keepBytes);
    case "stream":
      return body.upload.kept.take();
  }
}
