import type { Capture, KeptBytes } from "../domain/capture.ts";
import type { BodyFacts, Exchange, ExchangeKind, Outcome } from "../domain/exchange.ts";
import { sumUsage, type Usage } from "../domain/usage.ts";
import type { Answer, Dialect, RequestFacts } from "../dialects/dialect.ts";
import { isEventStream } from "../dialects/body-form.ts";
import { openAnswer } from "../dialects/answer-reader.ts";
import { estimateUsage } from "../dialects/estimate.ts";
import { readRequest } from "../dialects/request-reader.ts";
import type { PriceBook } from "../prices/price-book.ts";
import { priceExchange } from "../prices/price-exchange.ts";
import { readAttribution } from "./attribution.ts";

/** Makes an exchange of a capture. */
export type ExchangeReader = (capture: Capture) => Exchange;

/** What reading needs: dialects by name, and prices. */
export type ReaderParts = {
  readonly findDialect: (name: string) => Dialect | undefined;
  readonly prices: PriceBook;
  /** The session of an exchange that names none. */
  readonly defaultSession?: string;
};

const noUsage: Usage = sumUsage({}, { source: "none" });

/** Creates the reader; it takes any bytes and never throws. */
export function createExchangeReader({ findDialect, prices, defaultSession }: ReaderParts): ExchangeReader {
  return (capture) => {
    const dialect = capture.dialect === undefined ? undefined : findDialect(capture.dialect);
    const place = { method: capture.method, path: capture.path };
    const request = dialect ? readRequestFacts(dialect, capture) : {};
    // A session is warmed by a request that generates nothing, and is not billed.
    const warms = request.parameters?.["generate"] === false;
    const kind = warms || capture.unused ? "other" : (dialect?.kindOf(place) ?? "other");
    const answer = dialect ? readAnswerFacts(dialect, capture) : {};
    const ending = readEnding(capture, kind, answer);
    const told = readUsage(capture, kind, request, answer, ending.outcome);
    const asked = request.model ?? capture.socketModel;
    const model = answer.model ?? asked;
    const { provider, status, startedAt: at } = capture;
    const { outcome } = ending;
    const cost = priceExchange(prices, {
      kind,
      provider,
      model,
      usage: told,
      output: answer.output,
      outcome,
      status,
      error: ending.error,
      at,
    });
    return {
      schema: 1,
      id: capture.id,
      trace_id: capture.traceId,
      span_id: capture.spanId,
      parent_span_id: capture.parentSpanId,
      linked_trace: capture.linkedTrace && {
        trace_id: capture.linkedTrace.traceId,
        span_id: capture.linkedTrace.spanId,
      },
      kind,
      transport: capture.transport,
      provider: capture.provider,
      dialect: capture.dialect,
      method: capture.method,
      path: capture.path,
      query: capture.query,
      streaming: isStream(capture),
      ...ending,
      started_at: new Date(capture.startedAt).toISOString(),
      ended_at: new Date(capture.startedAt + capture.endedAfter).toISOString(),
      overhead_ms: round(capture.sentAfter ?? capture.endedAfter),
      first_byte_ms: capture.firstByteAfter === undefined ? undefined : round(capture.firstByteAfter),
      duration_ms: round(capture.endedAfter),
      chunks: capture.chunks,
      model,
      request_model: asked,
      response_id: answer.responseId,
      upstream_request_id: capture.upstreamRequestId,
      request: readBodyFacts(capture.request, capture.requestType, capture.requestEncoding),
      response: readBodyFacts(capture.response, capture.responseType, capture.responseEncoding),
      input: request.input,
      parameters: request.parameters,
      output: answer.output,
      modalities: request.modalities,
      ...(capture.cache ? readSaving(cost) : { usage: told, ...cost }),
      attribution: readAttribution(capture.attribution, request, { user: capture.userId, session: defaultSession }),
      project_id: capture.projectId,
      token_id: capture.tokenId,
      exchange_log: capture.exchangeLog,
    };
  };
}

function readRequestFacts(
  dialect: Dialect,
  { method, path, requestType, requestEncoding, request }: Capture,
): RequestFacts {
  return readRequest(
    dialect,
    { method, path },
    { contentType: requestType, contentEncoding: requestEncoding, ...request },
  );
}

function readAnswerFacts(
  dialect: Dialect,
  { method, path, responseType, responseEncoding, response }: Capture,
): Answer {
  const reader = openAnswer(
    dialect,
    { method, path },
    { contentType: responseType, contentEncoding: responseEncoding },
  );
  const { head, tail, total, passed = 0 } = response;
  const missing = total - passed - head.length - (tail?.length ?? 0);
  reader.push(head);
  if (missing > 0) reader.skip(missing);
  if (tail) reader.push(tail);
  return reader.end();
}

type Ending = Pick<Exchange, "status" | "outcome" | "cause" | "error">;

/** A stream that came to a clean end without its dialect's own end was cut by somebody upstream. */
function readEnding({ status, outcome, cause, message }: Capture, kind: ExchangeKind, answer: Answer): Ending {
  const cut =
    outcome === "answered" && kind === "generation" && answer.complete === false && answer.error === undefined;
  if (cut)
    return {
      status,
      outcome: "failed",
      cause: "upstream_incomplete",
      error: { message: "The provider's stream ended without its end." },
    };
  const error = answer.error ?? (message === undefined || outcome === "aborted" ? undefined : { message, code: cause });
  return { status, outcome, cause, error };
}

/**
 * What no provider has told is estimated only where a model has worked: an error is no work, wherever it stands. A consumer that
 * leaves before the first byte doesn't call back what was sent up.
 */
function readUsage(
  { request: sent, response, responseType, status, sentAfter }: Capture,
  kind: ExchangeKind,
  request: RequestFacts,
  answer: Answer,
  outcome: Outcome,
): Usage {
  const { usage, output } = answer;
  if (kind === "other" || outcome === "refused" || isError(status)) return usage ?? noUsage;
  if (usage && answer.complete !== false) return usage;
  const left = outcome === "aborted" && sentAfter !== undefined;
  if ((response.total === 0 && !left) || (answer.error && output === undefined)) return usage ?? noUsage;
  // What is missing of a stream said as much as the rest; what is missing elsewhere is mostly a medium.
  const outputTimes = isEventStream(responseType) ? timesKept(response) : 1;
  return (
    estimateUsage({ input: request.input, inputBytes: sent.total, output, outputTimes, told: usage }) ??
    usage ??
    noUsage
  );
}

/** How many times as long the body was as what was kept of it. */
function timesKept({ head, tail, total, passed = 0 }: KeptBytes): number {
  const kept = head.length + (tail?.length ?? 0);
  return kept === 0 ? 1 : Math.max(1, (total - passed) / kept);
}

/** A kept answer uses and costs nothing, whatever it says: that was used and paid when it was made. */
function readSaving({
  cost_nano_usd: saved,
}: Pick<Exchange, "cost_nano_usd">): Pick<Exchange, "cache" | "usage" | "cost_nano_usd" | "saved_nano_usd"> {
  return {
    cache: "hit",
    usage: noUsage,
    ...(saved === undefined ? {} : { cost_nano_usd: "0", saved_nano_usd: saved }),
  };
}

function isError(status = 200): boolean {
  return status >= 400;
}

function readBodyFacts(
  { head, tail, total }: KeptBytes,
  content_type: string | undefined,
  content_encoding: string | undefined,
): BodyFacts {
  const dropped = total - head.length - (tail?.length ?? 0);
  return { content_type, content_encoding, bytes: total, dropped_bytes: dropped > 0 ? dropped : undefined };
}

function isStream({ transport, responseType, path }: Capture): boolean {
  return transport === "websocket" || isEventStream(responseType) || path.endsWith(":streamGenerateContent");
}

/** Microseconds are as fine as the clock is. */
function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
