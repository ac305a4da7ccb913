import { promisify } from "node:util";
import { gzip } from "node:zlib";

import type { Exchange } from "../domain/exchange.ts";
import {
  describeAnswer,
  type HttpAnswer,
  type HttpService,
  judgeAnswer,
  NoAnswerError,
  quoteAnswer,
  requestHttp,
} from "./http-delivery.ts";
import { isMembers, type Members } from "./members.ts";
import { type Emitter, encodeExport } from "./otlp-json.ts";
import type { DeliveryResult, Rejection, SinkRecord } from "./sink.ts";

/** Where spans go, and as whose. */
export type OtlpTarget = { readonly service: HttpService; readonly url: string; readonly emitter: Emitter };

/** How much the spans of one request may hold, so that it stays below 4 MB before compression with what stands around them. */
const maxSpanBytes = 3_900_000;

/** A record with its span, already encoded. */
type EncodedRecord = { readonly record: SinkRecord; readonly span: string };

/** Writes an exchange as an OTLP/JSON span of at most so many bytes. */
export type EncodeSpan = (exchange: Exchange, maxBytes: number) => string;

/**
 * Sends records as spans, in as many requests as their size asks for. A record that can't be encoded is rejected by
 * itself. After a failure, spans that had arrived come again and overwrite themselves.
 */
export async function exportRecords(
  target: OtlpTarget,
  records: readonly SinkRecord[],
  encode: EncodeSpan,
  signal: AbortSignal,
): Promise<DeliveryResult> {
  const rejected: Rejection[] = [];
  const encoded: EncodedRecord[] = [];
  for (const record of records) {
    try {
      encoded.push({ record, span: encode(record.exchange, maxSpanBytes) });
    } catch (error) {
      const name = error instanceof Error ? error.name : "unknown error";
      rejected.push({ id: record.id, reason: `The record could not be written as a span (${name})` });
    }
  }
  for (const group of groupBySize(encoded)) {
    const result = await exportGroup(target, group, encode, signal);
    if (result.kind !== "delivered") return result;
    rejected.push(...(result.rejected ?? []));
  }
  return { kind: "delivered", rejected };
}

function groupBySize(records: readonly EncodedRecord[]): readonly (readonly EncodedRecord[])[] {
  const groups: EncodedRecord[][] = [];
  let room = 0;
  for (const record of records) {
    const bytes = Buffer.byteLength(record.span) + 1;
    if (bytes > room) {
      groups.push([]);
      room = maxSpanBytes;
    }
    groups.at(-1)?.push(record);
    room -= bytes;
  }
  return groups;
}

const compress = promisify(gzip);

/** A span that is too large for a service is shortened, but not below this. */
const leastSpanBytes = 60_000;

async function exportGroup(
  target: OtlpTarget,
  group: readonly EncodedRecord[],
  encode: EncodeSpan,
  signal: AbortSignal,
): Promise<DeliveryResult> {
  const { service, url, emitter } = target;
  const spans = group.map(({ span }) => span);
  try {
    const answer = await requestHttp(service, url, {
      method: "POST",
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
      body: await compress(encodeExport(spans, emitter)),
      signal,
    });
    const shorter = answer.status === 413 ? shortenOnly(group, encode) : undefined;
    if (shorter !== undefined) return await exportGroup(target, [shorter], encode, signal);
    return judgeAnswer(service, answer) ?? readRejections(service, answer, group);
  } catch (error) {
    if (error instanceof NoAnswerError) return { kind: "retry", reason: error.message };
    throw error;
  }
}

/** The only record of a group, shorter; `undefined` where there are others, or it is short already. */
function shortenOnly([first, second]: readonly EncodedRecord[], encode: EncodeSpan): EncodedRecord | undefined {
  if (first === undefined || second !== undefined) return undefined;
  const bytes = Buffer.byteLength(first.span) / 4;
  return bytes < leastSpanBytes ? undefined : { ...first, span: encode(first.record.exchange, bytes) };
}

/** What a service took but for some spans: by name (`errors`), or by their number alone (`partialSuccess`). */
function readRejections(service: HttpService, answer: HttpAnswer, group: readonly EncodedRecord[]): DeliveryResult {
  const body = parseMembers(answer.text);
  if (body === undefined && answer.status === 207) return { kind: "refused", reason: describeAnswer(service, answer) };
  const { errors: named, partialSuccess } = body ?? {};
  const errors = Array.isArray(named) ? named.map(members) : [];
  const rejected = group.flatMap(({ record }) => {
    const error = errors.find(({ id }) => isAbout(id, record));
    return error === undefined ? [] : [{ id: record.id, reason: quoteAnswer(service, JSON.stringify(error)) }];
  });
  if (rejected.length > 0) return { kind: "delivered", rejected };

  const { rejectedSpans, errorMessage: message } = members(partialSuccess);
  const count = Math.max(errors.length, Number(rejectedSpans ?? 0) || 0);
  if (count === 0) return { kind: "delivered" };
  const reason = `${service.name} rejected spans: ${quoteAnswer(service, typeof message === "string" ? message : answer.text)}`;
  // Which of them it was, only a smaller batch can tell; those taken before overwrite themselves.
  if (count < group.length) return { kind: "refused", reason };
  return { kind: "delivered", rejected: group.map(({ record }) => ({ id: record.id, reason })) };
}

function isAbout(id: unknown, { id: recordId, exchange }: SinkRecord): boolean {
  return id === exchange.span_id || id === recordId;
}

function parseMembers(text: string): Members | undefined {
  try {
    return members(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function members(value: unknown): Members {
  return isMembers(value) ? value : {};
}
