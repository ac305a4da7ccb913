/** An attribute's value; a number is sent as a double, a bigint as a 64-bit integer. */
export type AttributeValue = string | boolean | number | bigint | readonly string[];

/** Attributes by key; those that are `undefined` are left out. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** One span, with times in milliseconds since the epoch. */
export type Span = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Why it failed; absent where it didn't. */
  readonly error?: string;
  readonly link?: { readonly trace_id: string; readonly span_id: string };
};

/** What sends the spans. */
export type Emitter = { readonly service: string; readonly version: string };

const clientKind = 3;
const errorCode = 2;

/** A span as OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hex, times in nanoseconds as text. */
export function encodeSpan(span: Span): string {
  return JSON.stringify({
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
    name: span.name,
    kind: clientKind,
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(Math.max(span.startMs, span.endMs)),
    attributes: keyValues(span.attributes),
    ...(span.link === undefined ? {} : { links: [{ traceId: span.link.trace_id, spanId: span.link.span_id }] }),
    status: span.error === undefined ? {} : { code: errorCode, message: span.error },
  });
}

/** A JSON value as an attribute, which is text; `undefined` stays so. */
export function jsonValue(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

/** The body of an export request that holds these spans, which are already encoded. */
export function encodeExport(spans: readonly string[], { service, version }: Emitter): string {
  const resource = JSON.stringify({
    attributes: keyValues({ "service.name": service, "service.version": version }),
  });
  const scope = JSON.stringify({ name: "weir", version });
  return `{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"scope":${scope},"spans":[${spans.join(",")}]}]}]}`;
}

/** Microseconds are as exact as a double of this size can be. */
function nanoseconds(ms: number): string {
  return `${BigInt(Math.round(ms * 1000))}000`;
}

function keyValues(attributes: Attributes): { key: string; value: object }[] {
  const list: { key: string; value: object }[] = [];
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) list.push({ key, value: anyValue(value) });
  }
  return list;
}

function anyValue(value: AttributeValue): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return { doubleValue: value };
  if (typeof value === "bigint") return { intValue: String(value) };
  return { arrayValue: { values: value.map((text) => ({ stringValue: text })) } };
}
