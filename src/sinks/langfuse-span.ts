import type { Attribution, Exchange } from "../domain/exchange.ts";
import { failureOf, tagsOf, wasCut } from "./exchange-facts.ts";
import { encodeFitting } from "./fit-span.ts";
import { finishReasons, langfuseOutput } from "./langfuse-output.ts";
import { costDetails, usageDetails } from "./langfuse-usage.ts";
import { type Attributes, type AttributeValue, jsonValue, type Span } from "./otlp-json.ts";
import type { Bodies } from "./shorten.ts";

/** What an operator says about all exchanges, where a consumer says nothing. */
export type LangfuseDefaults = { readonly environment?: string; readonly release?: string };

/** An exchange as one OTLP span with Langfuse's attributes, shortened where it would be larger than `maxBytes`. */
export function encodeLangfuseSpan(
  exchange: Exchange,
  input: unknown,
  defaults: LangfuseDefaults,
  maxBytes: number,
): string {
  const output = exchange.output === undefined ? undefined : langfuseOutput(exchange.output);
  return encodeFitting(
    (bodies, shortened) => langfuseSpan(exchange, bodies, defaults, shortened || wasCut(exchange)),
    { input, output, parameters: exchange.parameters },
    maxBytes,
  );
}

function langfuseSpan(exchange: Exchange, bodies: Bodies, defaults: LangfuseDefaults, truncated: boolean): Span {
  const startMs = Date.parse(exchange.started_at);
  const failure = failureOf(exchange);
  return {
    traceId: exchange.trace_id,
    spanId: exchange.span_id,
    parentSpanId: exchange.parent_span_id,
    name: exchange.model ?? exchange.path,
    startMs,
    endMs: startMs + exchange.duration_ms,
    link: exchange.linked_trace,
    error: failure?.kind === "error" ? failure.message : undefined,
    attributes: {
      ...traceAttributes(exchange, defaults),
      ...metadata(exchange, defaults, truncated),
      "langfuse.observation.input": jsonValue(bodies.input),
      "langfuse.observation.output": jsonValue(bodies.output),
      "langfuse.observation.level": failure === undefined ? undefined : levels[failure.kind],
      "langfuse.observation.status_message": failure?.message,
      ...modelAttributes(exchange, bodies.parameters, startMs),
    },
  };
}

const levels = { error: "ERROR", left: "WARNING" } as const;

/** They stand on every span, because Langfuse reads each span by itself. */
function traceAttributes(exchange: Exchange, defaults: LangfuseDefaults): Attributes {
  const { attribution, path } = exchange;
  const tags = tagsOf(exchange);
  return {
    "langfuse.trace.name": attribution.trace_name ?? path,
    "user.id": attribution.user,
    "session.id": attribution.session,
    "langfuse.trace.tags": tags.length === 0 ? undefined : tags,
    "langfuse.environment": normalEnvironment(attribution.environment ?? defaults.environment),
    "langfuse.release": attribution.release ?? defaults.release,
    "langfuse.version": attribution.version,
  };
}

/** An environment in the spelling that Langfuse takes: `[a-z0-9-_]{1,40}`, not beginning with its own name. */
export function normalEnvironment(given: string | undefined): string | undefined {
  const normal = given
    ?.toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, "-")
    .replace(/^(?:langfuse)+/, "")
    .slice(0, 40);
  return normal === "" ? undefined : normal;
}

function modelAttributes(exchange: Exchange, parameters: unknown, startMs: number): Attributes {
  const { kind, usage, cost, cost_nano_usd, first_byte_ms, attribution } = exchange;
  if (kind === "other") return { "langfuse.observation.type": "span" };
  return {
    "langfuse.observation.type": kind,
    "langfuse.observation.model.name": exchange.model,
    "langfuse.observation.model.parameters": jsonValue(parameters),
    "langfuse.observation.usage_details": jsonValue(usageDetails(usage)),
    "langfuse.observation.cost_details": jsonValue(costDetails(cost, cost_nano_usd)),
    "langfuse.observation.completion_start_time":
      first_byte_ms === undefined ? undefined : new Date(Math.round(startMs + first_byte_ms)).toISOString(),
    ...promptAttributes(attribution),
  };
}

/** Langfuse links a prompt by its name and version together, never by one of them. */
function promptAttributes({ prompt_name, prompt_version }: Attribution): Attributes {
  if (prompt_name === undefined || prompt_version === undefined) return {};
  return {
    "langfuse.observation.prompt.name": prompt_name,
    "langfuse.observation.prompt.version": prompt_version,
  };
}

type Metadata = Readonly<Record<string, unknown>>;

/** The exchange's facts and the consumer's own keys; where both know a key, the facts hold, even as absent. */
function metadata(exchange: Exchange, defaults: LangfuseDefaults, truncated: boolean): Attributes {
  const facts: Metadata = { ...exchangeFacts(exchange, defaults), truncated };
  const merged: Record<string, AttributeValue | undefined> = {};
  for (const [key, value] of Object.entries({ ...exchange.attribution.metadata, ...facts })) {
    merged[`langfuse.trace.metadata.${key}`] = metadataValue(value);
  }
  return merged;
}

function exchangeFacts(exchange: Exchange, defaults: LangfuseDefaults): Metadata {
  const { attribution, request, response, usage, error, output } = exchange;
  return {
    method: exchange.method,
    path: exchange.path,
    query: exchange.query,
    status: exchange.status,
    streaming: exchange.streaming,
    transport: exchange.transport,
    outcome: exchange.outcome,
    cause: exchange.cause,
    error_type: error?.type,
    error_code: error?.code,
    provider: exchange.provider,
    request_model: exchange.request_model,
    finish_reason: finishReasons(output).join(",") || undefined,
    ttfb_ms: exchange.first_byte_ms,
    total_ms: exchange.duration_ms,
    overhead_ms: exchange.overhead_ms,
    request_bytes: request.bytes,
    response_bytes: response.bytes,
    usage_source: usage.source,
    service_tier: usage.tier,
    requests: usage.requests,
    unpriced: exchange.unpriced,
    price_source: exchange.cost?.source,
    exchange_id: exchange.id,
    request_id: attribution.request_id,
    response_id: exchange.response_id,
    upstream_request_id: exchange.upstream_request_id,
    project_id: exchange.project_id,
    token_id: exchange.token_id,
    deployment_environment: attribution.environment ?? defaults.environment,
    ignored_attribution: attribution.ignored,
    count: exchange.count,
  };
}

/** Numbers go as doubles and never as integers, which some versions of Langfuse read as NaN. */
function metadataValue(value: unknown): AttributeValue | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? value
    : jsonValue(value);
}
