import type { Exchange } from "../domain/exchange.ts";
import { type Base64Media, findMedia, replaceMedia } from "./base64-media.ts";
import { describeAnswer, type HttpService, requestHttp } from "./http-delivery.ts";
import { createLangfuseMedia, type MediaOwner } from "./langfuse-media.ts";
import { encodeLangfuseSpan, type LangfuseDefaults } from "./langfuse-span.ts";
import { exportRecords, type OtlpTarget } from "./otlp-export.ts";
import type { DeliveryResult, Sink, SinkParts, SinkRecord } from "./sink.ts";

/** A Langfuse project, what is said of traces that say nothing themselves, and how patient to be with its media store. */
export type LangfuseSinkParts = Pick<SinkParts, "fetch" | "now" | "version"> &
  LangfuseDefaults & {
    readonly baseUrl: string;
    readonly publicKey: string;
    readonly secretKey: string;
    readonly mediaTimeoutMs?: number;
    readonly mediaRestMs?: number;
  };

type WithMedia = { readonly record: SinkRecord; readonly media: readonly Base64Media[] };

/** Delivers to one Langfuse project; what has no media never waits for what has. */
export function createLangfuseSink(parts: LangfuseSinkParts): Sink {
  const { baseUrl, version, mediaTimeoutMs, mediaRestMs } = parts;
  const service = langfuseService(parts);
  const store = createLangfuseMedia({ service, baseUrl, timeoutMs: mediaTimeoutMs, restMs: mediaRestMs });
  const target: OtlpTarget = {
    service,
    url: `${baseUrl}/api/public/otel/v1/traces`,
    emitter: { service: "weir", version },
  };

  const send = (
    records: readonly SinkRecord[],
    inputOf: (exchange: Exchange) => unknown,
    signal: AbortSignal,
  ): Promise<DeliveryResult> =>
    exportRecords(
      target,
      records,
      (exchange, maxBytes) => encodeLangfuseSpan(exchange, inputOf(exchange), parts, maxBytes),
      signal,
    );

  const sendWithMedia = async (records: readonly WithMedia[], signal: AbortSignal): Promise<DeliveryResult> => {
    const stored = await store.store(records.map(ownerOf), signal);
    const result = await send(
      records.map(({ record }) => record),
      ({ input }) => replaceMedia(input, stored.textOf),
      signal,
    );
    // Where Langfuse itself is down, its media store is asked again with the next attempt, and no image is lost.
    if (result.kind === "delivered" && !stored.healthy) store.rest();
    return result;
  };

  return {
    name: "langfuse",
    batch: { count: 200, bytes: 2_000_000 },
    deadlineMs: 30_000,
    target: baseUrl,
    deliver: async (batch, signal) => {
      const all = batch.map((record) => ({ record, media: mediaOf(record) }));
      const plain = all.filter(({ media }) => media.length === 0).map(({ record }) => record);
      const heavy = all.filter(({ media }) => media.length > 0);
      const result = await send(plain, ({ input }) => input, signal);
      if (result.kind !== "delivered" || heavy.length === 0) return result;
      const rest = await sendWithMedia(heavy, signal);
      if (rest.kind !== "delivered") return rest;
      return { kind: "delivered", rejected: [...(result.rejected ?? []), ...(rest.rejected ?? [])] };
    },
    check: (signal) => checkProject(service, baseUrl, signal),
  };
}

function langfuseService({ fetch, now, publicKey, secretKey }: LangfuseSinkParts): HttpService {
  const basic = Buffer.from(`${publicKey}:${secretKey}`).toString("base64");
  const keys = "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, and that they are of this LANGFUSE_BASE_URL";
  const address = "check LANGFUSE_BASE_URL, and that this Langfuse takes OpenTelemetry (3.22 or later)";
  return {
    name: "Langfuse",
    fetch,
    now,
    headers: { authorization: `Basic ${basic}`, "x-langfuse-ingestion-version": "4" },
    secrets: [secretKey, basic],
    advice: { 401: keys, 403: keys, 404: address, 405: address },
  };
}

/** A record that can't be read is rejected where it is encoded. */
function mediaOf(record: SinkRecord): readonly Base64Media[] {
  try {
    return findMedia(record.exchange.input);
  } catch {
    return [];
  }
}

function ownerOf({ record: { exchange }, media }: WithMedia): MediaOwner {
  return { traceId: exchange.trace_id, observationId: exchange.span_id, media };
}

async function checkProject(service: HttpService, baseUrl: string, signal: AbortSignal): Promise<void> {
  const answer = await requestHttp(service, `${baseUrl}/api/public/projects`, { signal });
  if (answer.status !== 200) throw new Error(describeAnswer(service, answer));
  if (!answer.text.trimStart().startsWith("{")) {
    throw new Error(`${baseUrl} answers, but not as Langfuse does: check LANGFUSE_BASE_URL`);
  }
}
