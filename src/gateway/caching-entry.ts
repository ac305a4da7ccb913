import { openAnswer } from "../dialects/answer-reader.ts";
import { isEventStream } from "../dialects/body-form.ts";
import { readCacheControl } from "../cache/cache-control.ts";
import type { CacheEntry, HeaderValues } from "../cache/cache.ts";
import { readVariant } from "../cache/vary.ts";
import { decodeWhole } from "../lib/decode.ts";
import type { Call } from "./call.ts";
import type { Answer } from "./forward.ts";
import { readDownstreamHeaders } from "./headers.ts";
import type { ChunkReader } from "./upload.ts";

/** An entry without its body, before that has passed; `undefined` where the answer can't be told apart from others. */
export function draftEntry(
  call: Call,
  { status, headers }: Answer,
  ttlSeconds: number | undefined,
  now: number,
): Omit<CacheEntry, "body"> | undefined {
  const kept = readKeptHeaders(headers, now);
  const vary = readVariant(kept, call.headers);
  if (!vary) return undefined;
  const control = status === 200 && ttlSeconds !== undefined ? writeControl(kept, ttlSeconds) : undefined;
  const spliced = call.spliced && isEventStream(kept["content-type"]);
  return { status, headers: kept, vary, spliced, receivedAt: now, ...(control === undefined ? {} : { control }) };
}

/** What of an answer's headers is true of it for whoever gets it: nothing of one connection, one exchange or one consumer. */
export function readKeptHeaders(headers: Headers, now: number): HeaderValues {
  const kept: Record<string, string> = {};
  for (const [name, value] of readDownstreamHeaders(headers, false)) if (!passing.test(name)) kept[name] = value;
  kept["date"] ??= new Date(now).toUTCString();
  return kept;
}

const passing =
  /^(?:set-cookie2?|x-request-id|request-id|x-amzn-requestid|cf-ray|server-timing|retry-after|alt-svc|content-length|openai-processing-ms|x-envoy-upstream-service-time|x-cloud-trace-context|x-served-by|x-timer)$|^(?:access-control-|x-weir-|x-llm-|x-proxy-cache)|ratelimit/;

/** An answer that says how long it holds is believed; of others who opted in decides. */
function writeControl(headers: HeaderValues, ttlSeconds: number): string | undefined {
  const own = new Map(readCacheControl(headers["cache-control"]));
  // Every guide to event streams has them say this, for the sake of proxies that nobody asked to keep anything.
  if (isEventStream(headers["content-type"])) own.delete("no-cache");
  const says = ["max-age", "s-maxage", "no-cache"].some((name) => own.has(name)) || "expires" in headers;
  if (says) return undefined;
  const kept = [...own.keys()].filter(
    (name) => name === "no-store" || name === "private" || name === "must-revalidate",
  );
  return [...kept, "public", `max-age=${ttlSeconds}`].join(", ");
}

/** Whether an answer comes bit by bit because somebody reads along. */
export function isStreamed({ route }: Call, { headers }: Answer): boolean {
  const type = headers.get("content-type") ?? "";
  return (
    /^(?:text\/event-stream|application\/(?:x-ndjson|jsonl|x-jsonlines|json-seq))/i.test(type) ||
    route.path.endsWith(":streamGenerateContent")
  );
}

/** Whether what a model said is whole, by its dialect's own means, and no error. What can't be unpacked for this isn't kept. */
export function isSound({ route, method }: Judging, { headers, body }: Judged): boolean {
  const type = headers["content-type"];
  const plain = decodeWhole(body, headers["content-encoding"] ?? "", freeBytes + body.length * maxRatio);
  if (!plain) return false;
  const reader = openAnswer(
    route.dialect,
    { method, path: route.path },
    type === undefined ? {} : { contentType: type },
  );
  reader.push(plain);
  const { complete, error } = reader.end();
  return complete !== false && error === undefined;
}

/** The call whose answer is judged, and what of the answer is. */
type Judging = Pick<Call, "route" | "method">;
type Judged = Pick<CacheEntry, "headers" | "body">;

/** What is unpacked of any answer, and of one of so many bytes: it is read where all other calls wait for it. */
const freeBytes = 4_194_304;
const maxRatio = 4;

/** A kept answer as if it had just come. */
export function toAnswer(entry: CacheEntry, method: string, ageSeconds: number, now: number, replay: Replay): Answer {
  const headers = new Headers({ ...entry.headers, age: String(Math.floor(ageSeconds)) });
  const { status, body, pieces } = entry;
  if (!pieces) headers.set("content-length", String(body.length));
  const at = { sentAt: now, headAt: now, cache: "hit" } as const;
  if (method === "HEAD" || status === 204) return { status, headers, body: { kind: "none" }, ...at };
  if (!pieces) return { status, headers, body: { kind: "whole", bytes: body }, ...at };
  return { status, headers, body: { kind: "stream", reader: replayReader(entry, pieces, replay) }, ...at };
}

/** What a consumer is told who has the answer already (RFC 9110 section 15.4.5). */
export function toNotModified(entry: CacheEntry, ageSeconds: number, now: number): Answer {
  const headers = new Headers({ age: String(Math.floor(ageSeconds)) });
  for (const name of ["cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"]) {
    const value = entry.headers[name];
    if (value !== undefined) headers.set(name, value);
  }
  return { status: 304, headers, body: { kind: "none" }, sentAt: now, headAt: now, cache: "hit" };
}

/** Whether a stream is given again with its pauses, and what waits. */
export type Replay = { readonly timing: boolean; readonly sleep: (ms: number) => Promise<void> };

function replayReader(
  { body, pauses = [] }: CacheEntry,
  pieces: readonly number[],
  { timing, sleep }: Replay,
): ChunkReader {
  let at = 0;
  let index = 0;
  return {
    async read() {
      const length = pieces[index];
      if (length === undefined) return { done: true };
      const pause = timing ? (pauses[index] ?? 0) : 0;
      if (pause > 0) await sleep(pause);
      const value = body.subarray(at, at + length);
      at += length;
      index += 1;
      return { done: false, value };
    },
    cancel() {
      index = pieces.length;
      return Promise.resolve();
    },
  };
}
