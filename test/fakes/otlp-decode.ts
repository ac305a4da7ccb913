/** A span as a receiver understands it. */
export type DecodedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** Attributes of the resource that sent it. */
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: { readonly name?: string; readonly version?: string };
};

/** What is wrong with an export, in words. */
export class OtlpFault extends Error {
  override readonly name = "OtlpFault";
}

type Members = Readonly<Record<string, unknown>>;

/** Reads an OTLP/JSON export request more strictly than receivers do; throws an `OtlpFault` for the first thing that is wrong. */
export function decodeOtlp(text: string): readonly DecodedSpan[] {
  const { resourceSpans } = members(parse(text), "the body");
  return list(resourceSpans, "resourceSpans").flatMap((each) => {
    const { resource, scopeSpans } = members(each, "resourceSpans[]");
    const { attributes } = members(resource, "resource");
    const resourceAttributes = keyValues(attributes, "resource");
    return list(scopeSpans, "scopeSpans").flatMap((scoped) => {
      const { scope, spans } = members(scoped, "scopeSpans[]");
      const { name, version } = members(scope, "scope");
      const scopeFacts = { name: string(name, "scope.name"), version: string(version, "scope.version") };
      return list(spans, "spans").map((span) => decodeSpan(members(span, "span"), resourceAttributes, scopeFacts));
    });
  });
}

function decodeSpan(span: Members, resource: Members, scope: DecodedSpan["scope"]): DecodedSpan {
  const spanId = hex(span["spanId"], 16, "spanId");
  const startMs = milliseconds(span["startTimeUnixNano"], "startTimeUnixNano");
  const endMs = milliseconds(span["endTimeUnixNano"], "endTimeUnixNano");
  if (endMs < startMs) throw new OtlpFault(`span ${spanId} ends before it starts`);
  const status = members(span["status"] ?? {}, "status");
  return {
    traceId: hex(span["traceId"], 32, "traceId"),
    spanId,
    ...("parentSpanId" in span ? { parentSpanId: hex(span["parentSpanId"], 16, "parentSpanId") } : {}),
    name: string(span["name"], "name"),
    kind: number(span["kind"], "kind"),
    startMs,
    endMs,
    attributes: keyValues(span["attributes"], `span ${spanId}`),
    status: {
      ...("code" in status ? { code: number(status["code"], "status.code") } : {}),
      ...("message" in status ? { message: string(status["message"], "status.message") } : {}),
    },
    links: list(span["links"] ?? [], "links").map((each) => {
      const link = members(each, "link");
      return { traceId: hex(link["traceId"], 32, "link.traceId"), spanId: hex(link["spanId"], 16, "link.spanId") };
    }),
    resource,
    scope,
  };
}

function keyValues(value: unknown, where: string): Members {
  const decoded: Record<string, unknown> = {};
  for (const each of list(value, `attributes of ${where}`)) {
    const { key, value: any, ...others } = members(each, `attribute of ${where}`);
    if (Object.keys(others).length > 0) throw new OtlpFault(`an attribute of ${where} has more than a key and a value`);
    const name = string(key, `attribute key of ${where}`);
    if (name in decoded) throw new OtlpFault(`${where} has ${name} twice`);
    decoded[name] = anyValue(any, `${name} of ${where}`);
  }
  return decoded;
}

function anyValue(value: unknown, where: string): unknown {
  const entries = Object.entries(members(value, where));
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) throw new OtlpFault(`${where} is not one value`);
  const [kind, given] = entry;
  switch (kind) {
    case "stringValue":
      return string(given, where);
    case "boolValue":
      if (typeof given !== "boolean") throw new OtlpFault(`${where} is no boolean`);
      return given;
    case "doubleValue":
      return number(given, where);
    case "intValue":
      if (typeof given !== "string" || !/^-?\d+$/.test(given)) throw new OtlpFault(`${where} is no integer as text`);
      return Number(given);
    case "arrayValue":
      return list(members(given, where)["values"], where).map((each) => anyValue(each, where));
    default:
      throw new OtlpFault(`${where} has a value of an unknown kind, ${kind}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new OtlpFault("the body is no JSON");
  }
}

function members(value: unknown, where: string): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new OtlpFault(`${where} is no object`);
  return value as Members;
}

function list(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new OtlpFault(`${where} is no list`);
  return value;
}

function string(value: unknown, where: string): string {
  if (typeof value !== "string") throw new OtlpFault(`${where} is no text`);
  return value;
}

function number(value: unknown, where: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new OtlpFault(`${where} is no number`);
  return value;
}

function hex(value: unknown, length: number, where: string): string {
  if (typeof value !== "string" || value.length !== length || !/^[0-9a-f]+$/.test(value) || /^0+$/.test(value)) {
    throw new OtlpFault(`${where} is not ${length} hex digits`);
  }
  return value;
}

function milliseconds(value: unknown, where: string): number {
  if (typeof value !== "string" || !/^\d{16,20}$/.test(value))
    throw new OtlpFault(`${where} is no time in nanoseconds as text`);
  return Number(BigInt(value) / 1000n) / 1000;
}
