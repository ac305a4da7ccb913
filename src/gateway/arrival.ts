import { hash } from "node:crypto";
import type { AttributionHeaders } from "../domain/capture.ts";
import type { Watch } from "./under-way.ts";

/** Header values by lower-case name; equal names are joined. */
export type HeaderValues = Readonly<Record<string, string>>;

/** A request at the door: who it is in our records, when it came, and what its head says; its body is untouched. */
export type Arrival = {
  readonly request: Request;
  readonly watch: Watch;
  /** A UUID v7. */
  readonly id: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly linkedTrace?: { readonly traceId: string; readonly spanId: string };
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds on the monotonic clock. */
  readonly started: number;
  readonly method: string;
  /** As it came: percent-encoding kept, no query. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly search: string;
  readonly headers: HeaderValues;
  readonly attribution: AttributionHeaders;
};

/** The clocks: the wall's for records, the monotonic one for durations; milliseconds. */
export type Clock = { readonly now: () => number; readonly elapsed: () => number };

/** What joins an upstream's trace to ours (https://www.w3.org/TR/trace-context/#traceparent-header). */
export function writeTraceparent({ traceId, spanId }: Pick<Arrival, "traceId" | "spanId">): string {
  return `00-${traceId}-${spanId}-01`;
}

/** Reads a request's head. */
export function readArrival(request: Request, watch: Watch, clock: Clock): Arrival {
  const headers = request.headers.toJSON();
  const id = Bun.randomUUIDv7();
  // What follows a hash never goes up, and so must not decide anything.
  const [url = ""] = request.url.split("#", 1);
  const pathAt = url.indexOf("/", url.indexOf("://") + 3);
  const queryAt = url.indexOf("?", pathAt);
  return {
    request,
    watch,
    id,
    ...readTrace(headers, id),
    startedAt: clock.now(),
    started: watch.since,
    method: request.method,
    path: queryAt === -1 ? url.slice(pathAt) : url.slice(pathAt, queryAt),
    search: queryAt === -1 ? "" : url.slice(queryAt),
    headers,
    attribution: readAttribution(headers),
  };
}

type Trace = Pick<Arrival, "traceId" | "spanId" | "parentSpanId" | "linkedTrace">;

/** `X-Request-Id` names the trace, else `traceparent` is joined, else the exchange is a trace of its own. */
function readTrace(headers: HeaderValues, id: string): Trace {
  const plain = id.replaceAll("-", "");
  const spanId = plain.slice(16);
  const requestId = headers["x-request-id"];
  const parent = readTraceparent(headers["traceparent"]);
  if (requestId) return { traceId: traceIdOf(requestId), spanId, ...(parent ? { linkedTrace: parent } : {}) };
  if (parent) return { traceId: parent.traceId, spanId, parentSpanId: parent.spanId };
  return { traceId: plain, spanId };
}

const noTrace = "0".repeat(32);

/** A UUID or 32 hex digits are a trace id as they stand; any other text gives the first 32 hex digits of its SHA-256. */
export function traceIdOf(requestId: string): string {
  const plain = requestId.replaceAll("-", "").toLowerCase();
  const looksRight =
    /^[0-9a-f]{32}$/.test(plain) && (requestId.length === 32 || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-/i.test(requestId));
  return looksRight && plain !== noTrace ? plain : hash("sha256", utf8Of(requestId), "hex").slice(0, 32);
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
function readTraceparent(value: string | undefined): { traceId: string; spanId: string } | undefined {
  if (value === undefined) return undefined;
  const [, traceId, spanId] =
    /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-|$)/.exec(value) ?? [];
  return traceId && spanId ? { traceId, spanId } : undefined;
}

/** Sessions that known clients send by a name of their own, and what a consumer may say about an exchange. */
const attributionNames = new Set([
  "x-user-id",
  "x-session-id",
  "x-request-id",
  "x-claude-code-session-id",
  "session-id",
  "x-langfuse-tags",
  "x-langfuse-metadata",
  "x-langfuse-trace-name",
  "x-langfuse-environment",
  "x-langfuse-release",
  "x-langfuse-version",
  "x-langfuse-prompt-name",
  "x-langfuse-prompt-version",
]);

function readAttribution(headers: HeaderValues): AttributionHeaders {
  let found: Record<string, string> | undefined;
  for (const name in headers) {
    const first = name.charCodeAt(0);
    if ((first !== 0x78 && first !== 0x73) || !attributionNames.has(name)) continue;
    found ??= {};
    found[name] = utf8Of(headers[name] ?? "");
  }
  return found ?? noAttribution;
}

const noAttribution: AttributionHeaders = {};

/** Header bytes come as Latin-1; people write UTF-8. Text that is no UTF-8 stays as it came. */
function utf8Of(value: string): string {
  if (!/[\u0080-\u00ff]/.test(value)) return value;
  const text = Buffer.from(value, "latin1").toString("utf8");
  return text.includes("\uFFFD") ? value : text;
}
