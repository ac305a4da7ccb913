import CachePolicy from "http-cache-semantics";
import { type CacheControl, readCacheControl, readSeconds, writeCacheControl } from "./cache-control.ts";
import type { CacheEntry, HeaderValues } from "./cache.ts";
import { readHttpDate } from "./http-date.ts";

/** What may be done with an answer that is kept. */
export type Verdict = {
  readonly kind: "fresh" | "stale";
  /** Seconds since it came from where it was made. */
  readonly ageSeconds: number;
  /** Seconds that it still holds; below zero once it doesn't. */
  readonly ttlSeconds: number;
};

/** Judges an answer for a request that may say itself how old it may be (RFC 9111 section 4.2, 5.2.1). */
export function judge(entry: CacheEntry, request: HeaderValues, now: number): Verdict {
  const policy = createPolicy(entry, now);
  const control = readCacheControl(entry.control ?? entry.headers["cache-control"]);
  const fresh = policy.satisfiesWithoutRevalidation({ method: "GET", headers: writeWish(request, control) });
  const ageSeconds = policy.age();
  return { kind: fresh ? "fresh" : "stale", ageSeconds, ttlSeconds: policy.maxAge() - ageSeconds };
}

/** How long an answer is worth keeping; `undefined` where it must not be, or says nothing of how long it holds. Milliseconds. */
export function findLifetime(entry: CacheEntry, shared: boolean, now: number): number | undefined {
  const said = entry.control ?? entry.headers["cache-control"];
  const control = readCacheControl(said);
  if (control.has("no-store") || control.has("private")) return undefined;
  if (shared && !["public", "s-maxage", "must-revalidate"].some((name) => control.has(name))) return undefined;
  if (!telling.some((name) => control.has(name)) && !("expires" in entry.headers)) return undefined;
  const policy = createPolicy(entry, now);
  if (!policy.storable()) return undefined;
  const left = (policy.maxAge() - policy.age()) * 1000;
  const validated = "etag" in entry.headers || "last-modified" in entry.headers;
  if (left > 0) return Math.min(left + (validated ? validatedGraceMs : graceMs), longestMs);
  return validated ? validatedGraceMs : undefined;
}

/** Whether an answer that doesn't hold any more may stand in for an upstream that fails (RFC 5861 section 4). */
export function isStandIn(entry: CacheEntry, request: HeaderValues, { ttlSeconds }: Verdict): boolean {
  const control = readCacheControl(entry.control ?? entry.headers["cache-control"]);
  if (isStrict(control) || control.has("no-cache")) return false;
  const asked = readSeconds(readCacheControl(request["cache-control"]).get("stale-if-error"));
  const longestSeconds = Math.max(asked, readSeconds(control.get("stale-if-error")));
  return longestSeconds > 0 && -ttlSeconds < longestSeconds;
}

/** An answer that was found to be still true, with what the upstream said of it now (RFC 9111 section 4.3.4). */
export function refresh(entry: CacheEntry, headers: HeaderValues, now: number): CacheEntry {
  const told = Object.fromEntries(Object.entries(headers).filter(([name]) => !ofBody.has(name)));
  const { age: _, ...kept } = entry.headers;
  return { ...entry, headers: { ...kept, ...told }, receivedAt: now };
}

/** What asks an upstream whether an answer is still true; `undefined` where nothing can. */
export function findValidators({ headers }: CacheEntry): HeaderValues | undefined {
  const { etag, "last-modified": modified } = headers;
  if (etag !== undefined) return { "if-none-match": etag };
  return modified === undefined ? undefined : { "if-modified-since": modified };
}

/** Whether a 304 is about this answer: an upstream that names another one has misunderstood. */
export function isConfirmed({ headers }: CacheEntry, { etag }: HeaderValues): boolean {
  return etag === undefined || headers["etag"] === undefined || bare(etag) === bare(headers["etag"]);
}

/** Whether the consumer has this answer already (RFC 9110 section 13.1, RFC 9111 section 4.3.2). */
export function isKnownTo(request: HeaderValues, { headers, status, receivedAt }: CacheEntry): boolean {
  if (status !== 200) return false;
  const { "if-none-match": tags, "if-modified-since": since } = request;
  if (tags !== undefined) {
    const { etag } = headers;
    if (tags.trim() === "*") return true;
    return (
      etag !== undefined && Array.from(tags.matchAll(/(?:W\/)?"[^"]*"/g), ([tag]) => bare(tag)).includes(bare(etag))
    );
  }
  if (since === undefined) return false;
  const asked = readHttpDate(since, receivedAt);
  const written = headers["last-modified"] ?? headers["date"];
  const modified = written === undefined ? receivedAt : readHttpDate(written, receivedAt);
  return asked !== undefined && modified !== undefined && modified <= asked;
}

const hourMs = 3_600_000;
/** How long an answer is kept beyond its time, to be asked about again or to stand in for an upstream that fails. */
const graceMs = hourMs;
const validatedGraceMs = 24 * hourMs;
const longestMs = 30 * 24 * hourMs;

/** What says how long an answer holds. */
const telling = ["max-age", "s-maxage", "no-cache", "public", "must-revalidate", "immutable"] as const;
const ofBody = new Set(["content-length", "content-encoding", "content-range", "transfer-encoding"]);

/**
 * The key holds the tenant and the varying headers, so the policy is about the answer's age alone. `must-revalidate` is
 * about answers that don't hold any more (RFC 9111 section 5.2.2.2), and the library would ask for every one of them.
 */
function createPolicy({ status, headers, control, receivedAt }: CacheEntry, now: number): CachePolicy {
  const { vary: _, "cache-control": own, ...others } = headers;
  const said = new Map(readCacheControl(control ?? own));
  for (const name of notForPolicy) said.delete(name);
  const text = writeCacheControl(said);
  const plain = { ...others, ...writePlainTimes(headers, receivedAt) };
  const answer = { status, headers: text === "" ? plain : { ...plain, "cache-control": text } };
  const policy = new CachePolicy({ method: "GET", headers: {} }, answer, { shared: true, cacheHeuristic: 0 });
  // The library reads the time by this method, at every question anew.
  return Object.assign(CachePolicy.fromObject({ ...policy.toObject(), t: receivedAt }), { now: () => now });
}

/**
 * Ages and dates as they are meant, since the library takes much else for them: a number below zero, a local time, a bare year.
 * What means nothing is no age, and in the past (RFC 9111 sections 5.1 and 5.3); digits count though something follows them.
 */
function writePlainTimes({ age, expires, date }: HeaderValues, receivedAt: number): HeaderValues {
  const write = (text: string, otherwise: number) =>
    new Date(readHttpDate(text, receivedAt) ?? otherwise).toUTCString();
  return {
    ...(age === undefined ? {} : { age: /^\d+/.exec(age)?.[0] ?? "0" }),
    ...(expires === undefined ? {} : { expires: write(expires, 0) }),
    ...(date === undefined ? {} : { date: write(date, receivedAt) }),
  };
}

const notForPolicy = ["must-revalidate", "proxy-revalidate", "stale-while-revalidate", "stale-if-error"] as const;

function writeWish(request: HeaderValues, answer: CacheControl): Record<string, string> {
  const control = new Map(readCacheControl(request["cache-control"]));
  if (control.get("max-age") === "0") control.set("no-cache", true);
  if (isStrict(answer)) control.delete("max-stale");
  const { pragma } = request;
  if (control.size > 0) return { "cache-control": writeCacheControl(control) };
  return pragma === undefined ? {} : { pragma };
}

/** What doesn't hold any more must never be used. */
function isStrict(control: CacheControl): boolean {
  return ["must-revalidate", "proxy-revalidate", "s-maxage"].some((name) => control.has(name));
}

function bare(tag: string): string {
  return tag.trim().replace(/^W\//, "");
}
