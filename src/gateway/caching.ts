import type { CacheEntry, CacheStore, Found } from "../cache/cache.ts";
import {
  findLifetime,
  findValidators,
  isConfirmed,
  isKnownTo,
  isStandIn,
  judge,
  refresh,
  type Verdict,
} from "../cache/freshness.ts";
import { matchesVariant } from "../cache/vary.ts";
import type { CacheSettings } from "../config/config.ts";
import { Refusal } from "../domain/refusal.ts";
import { compileGlobs } from "../lib/glob.ts";
import type { Clock } from "./arrival.ts";
import { type Call, ConsumerLeft } from "./call.ts";
import type { CacheCounts } from "./caching-counts.ts";
import { copyReader, type PassedBody } from "./caching-copy.ts";
import { draftEntry, isSound, isStreamed, readKeptHeaders, toAnswer, toNotModified } from "./caching-entry.ts";
import type { Flight, Flights } from "./caching-flights.ts";
import { type CachePlan, planCaching } from "./caching-plan.ts";
import { type CacheTold, isOutage, tellCache } from "./caching-told.ts";
import type { Answer, Forward } from "./forward.ts";
import type { Respond } from "./respond.ts";
import type { Pass } from "./token-book.ts";
import { isUnreached, isUpstreams } from "./upstream-failure.ts";
import type { UpstreamHead } from "./upstream-request.ts";

/** One call's way past the cache. */
export type Visit = {
  /** The answer that was kept for it, if there is one; throws a `Refusal`, or `ConsumerLeft`. */
  readonly find: () => Promise<Response | undefined>;
  /** Carries it upstream and its answer down, and keeps that if it may. */
  readonly send: (call: Call, head: UpstreamHead) => Promise<Response>;
  /** It brought no answer: nobody waits for it any more. Gives one that was kept, where that may stand in. */
  readonly fail: (error: unknown) => Response | Promise<Response> | undefined;
};

/** Begins a call's way past the cache. */
export type Caching = (call: Call) => Visit;

/** What caching is made of. */
export type CachingParts = {
  readonly store: CacheStore;
  readonly counts: CacheCounts;
  readonly flights: Flights;
  readonly settings: CacheSettings;
  readonly clock: Clock;
  readonly forward: Forward;
  readonly respond: Respond;
  /** Counts an answer that its token was given from the cache. */
  readonly countHit: (pass: Pass) => void;
  /** Takes back a request of its token's life; never rejects. */
  readonly giveBack: (pass: Pass) => Promise<void>;
  /** How long an equal request is waited for. Milliseconds. */
  readonly patienceMs: number;
};

type UsePlan = Extract<CachePlan, { kind: "use" }>;

/** A kept answer, and how far it holds for a call. */
type Judged = { readonly entry: CacheEntry; readonly verdict: Verdict };

/** Creates the cache's place on the request path. */
export function createCaching(parts: CachingParts): Caching {
  const { store, counts, flights, settings, clock, forward, respond } = parts;
  const rules = settings.rules.map((rule) => ({ ...rule, path: compileGlobs([rule.path]) }));
  const replay = { timing: settings.replayTiming, sleep: (ms: number) => Bun.sleep(ms) };

  return (arrived) => {
    const plan = planCaching(arrived, rules, settings);
    let sent = arrived;
    let stale: Judged | undefined;
    let flight: Flight | undefined;
    let away = false;
    let epoch = "";
    return { find, send, fail };

    async function find(): Promise<Response | undefined> {
      if (plan.kind === "pass") return undefined;
      const kept = await look(plan, await store.find(plan.key, arrived.headers));
      if (kept === undefined && plan.onlyIfCached) throw new Refusal("not_cached");
      return kept;
    }

    async function look(use: UsePlan, found: Found): Promise<Response | undefined> {
      if (found.kind === "away") {
        away = true;
        return undefined;
      }
      ({ epoch } = found);
      const known = found.kind === "entry" ? judgeFor(found.entry) : undefined;
      if (known?.verdict.kind === "fresh") return give(use, known);
      stale = known;
      if (!settings.singleFlight || !use.patient || use.onlyIfCached) return undefined;
      // What was asked for before a purge isn't for who asks after it.
      const joined = flights.join(`${use.key.hash} ${epoch}`);
      if (!(joined instanceof Promise)) {
        flight = joined;
        return undefined;
      }
      const brought = await waitFor(joined, arrived, parts.patienceMs);
      const equal = brought && matchesVariant(brought, arrived.headers) ? judgeFor(brought) : undefined;
      return equal?.verdict.kind === "fresh" ? give(use, equal, "collapsed") : undefined;
    }

    function judgeFor(entry: CacheEntry): Judged {
      return { entry, verdict: judge(entry, arrived.headers, clock.now()) };
    }

    async function give(use: UsePlan, { entry, verdict }: Judged, detail?: string): Promise<Response> {
      counts.hits += 1;
      if (arrived.grant.pass) parts.countHit(arrived.grant.pass);
      const { ticket, ...free } = sent;
      ticket?.end("spared");
      const isKnown = use.key.place.method === "GET" && isKnownTo(arrived.headers, entry);
      const at = clock.elapsed();
      const answer = isKnown
        ? toNotModified(entry, verdict.ageSeconds, at)
        : toAnswer(entry, arrived.method, verdict.ageSeconds, at, replay);
      return tell(await respond({ ...free, spliced: entry.spliced }, answer), {
        word: "hit",
        oldWord: isKnown ? "conditional-hit" : "hit",
        key: use.key.hash,
        ttlSeconds: verdict.ttlSeconds,
        ...(detail === undefined ? {} : { detail }),
      });
    }

    async function send(call: Call, head: UpstreamHead): Promise<Response> {
      sent = call;
      if (plan.kind === "pass") return passBy(plan, call, head);
      if (away) {
        counts.bypassed += 1;
        const told = {
          word: "bypass",
          oldWord: "bypass",
          key: plan.key.hash,
          forward: "bypass",
          detail: "unavailable",
        } as const;
        return tell(await respond(call, await forward(call, head)), told);
      }
      const validators = stale && plan.key.place.method === "GET" ? findValidators(stale.entry) : undefined;
      const answer = await forward(call, validators ? ask(head, validators) : head);
      if (!stale) return fetched(plan, call, answer);
      if (isOutage(answer) && isStandIn(stale.entry, call.headers, stale.verdict)) {
        discard(answer);
        flight?.land();
        return standIn(plan, stale, `upstream-${answer.status}`);
      }
      if (!validators || answer.status !== 304) return fetched(plan, call, answer);
      const now = clock.now();
      if (isConfirmed(stale.entry, readKeptHeaders(answer.headers, now)))
        return confirmed(plan, call, stale, answer, now);
      return fetched(plan, call, await forward(call, head));
    }

    /** What the upstream says is still true is given as if it had come now, and kept for as long as it says. */
    async function confirmed(
      use: UsePlan,
      call: Call,
      { entry }: Judged,
      answer: Answer,
      now: number,
    ): Promise<Response> {
      const renewed = refresh(entry, readKeptHeaders(answer.headers, now), now);
      const stored = keep(use, renewed, now, epoch);
      flight?.land(stored ? renewed : undefined);
      counts.misses += 1;
      const isKnown = isKnownTo(call.headers, renewed);
      const { ageSeconds } = judge(renewed, {}, now);
      const { cache: _, ...fresh } = isKnown
        ? toNotModified(renewed, ageSeconds, answer.headAt)
        : toAnswer(renewed, call.method, ageSeconds, answer.headAt, replay);
      const { sentAt, headAt } = answer;
      return tell(await respond({ ...call, spliced: renewed.spliced }, { ...fresh, sentAt, headAt }), {
        word: "miss",
        oldWord: stored ? "stored" : "miss",
        key: use.key.hash,
        forward: "stale",
        forwardStatus: 304,
        stored,
      });
    }

    async function fetched(use: UsePlan, call: Call, answer: Answer): Promise<Response> {
      counts.misses += 1;
      const keeping = beginKeeping(use, call, answer);
      if (keeping.detail !== undefined) flight?.land();
      const forwardWord = stale ? (use.patient ? "stale" : "request") : "uri-miss";
      return tell(await respond(call, keeping.answer ?? answer), {
        word: "miss",
        oldWord: keeping.stored ? "stored" : "miss",
        key: use.key.hash,
        forward: forwardWord,
        ...(keeping.stored ? { stored: true } : {}),
        ...(keeping.detail === undefined ? {} : { detail: keeping.detail }),
      });
    }

    /** Keeps an answer that is here as a whole, or begins to copy one that passes. */
    function beginKeeping(use: UsePlan, call: Call, answer: Answer): Keeping {
      const { body } = answer;
      if (!use.keeps) return { detail: "head" };
      if (
        answer.status === 206 ||
        answer.status === 304 ||
        answer.status >= 500 ||
        (use.key.place.method === "POST" && answer.status !== 200)
      )
        return { detail: "status" };
      const streamed = isStreamed(call, answer);
      if (streamed && !settings.streams) return { detail: "stream" };
      const now = clock.now();
      const draft = draftEntry(call, answer, use.ttlSeconds, now);
      const lifetime = draft && findLifetime({ ...draft, body: nothing }, use.shared, now);
      if (!draft || lifetime === undefined) return { detail: "not-storable" };
      if (declaredSize(answer) > settings.maxObjectBytes) return { detail: "too-large" };
      if (body.kind === "stream") {
        const onEnd = (passed: PassedBody | undefined) => flight?.land(finish(use, call, draft, passed, streamed));
        const { headAt } = answer;
        const copy = { reader: body.reader, maxBytes: settings.maxObjectBytes, headAt, elapsed: clock.elapsed, onEnd };
        return { answer: { ...answer, body: { kind: "stream", reader: copyReader(copy) } } };
      }
      const bytes = body.kind === "whole" ? body.bytes.slice() : nothing;
      const entry = { ...draft, body: bytes };
      if (use.key.place.method === "POST" && !isSound(call, entry)) return { detail: "error" };
      const stored = keep(use, entry, now, epoch);
      flight?.land(stored ? entry : undefined);
      return { stored };
    }

    /** Gives what was kept of a body that has passed. */
    function finish(
      use: UsePlan,
      call: Call,
      draft: Omit<CacheEntry, "body">,
      passed: PassedBody | undefined,
      streamed: boolean,
    ): CacheEntry | undefined {
      // A consumer who left may have had less of it than we.
      if (!passed || call.request.signal.aborted) return undefined;
      const { body, pieces, pauses } = passed;
      const entry = streamed ? { ...draft, body, pieces, pauses } : { ...draft, body };
      const isModel = streamed || use.key.place.method === "POST";
      if (isModel && !isSound(call, entry)) return undefined;
      return keep(use, entry, clock.now(), epoch) ? entry : undefined;
    }

    async function passBy(
      passing: Extract<CachePlan, { kind: "pass" }>,
      call: Call,
      head: UpstreamHead,
    ): Promise<Response> {
      counts.bypassed += 1;
      const answer = await forward(call, head);
      if (passing.forgets && answer.status >= 200 && answer.status < 400) store.forget(passing.forgets);
      const { forward: why, detail } = passing;
      return tell(await respond(call, answer), { word: "bypass", oldWord: "bypass", forward: why, detail });
    }

    function fail(error: unknown): Response | Promise<Response> | undefined {
      flight?.land();
      if (plan.kind === "pass" || !stale || !isUpstreams(error)) return undefined;
      return isStandIn(stale.entry, arrived.headers, stale.verdict)
        ? standIn(plan, stale, error.code, isUnreached(error))
        : undefined;
    }

    /** A kept answer takes nothing of a token's life, though an upstream was asked. What reached none is given back by who sent it. */
    async function standIn(use: UsePlan, judged: Judged, detail: string, unreached = false): Promise<Response> {
      const { pass } = arrived.grant;
      if (pass && !unreached) await parts.giveBack(pass);
      return give(use, judged, `stale-if-error-${detail.replaceAll("_", "-")}`);
    }
  };

  /** Whether it is kept, as far as that is known at once. */
  function keep({ key, shared }: UsePlan, entry: CacheEntry, now: number, epoch: string): boolean {
    const lifetime = findLifetime(entry, shared, now);
    if (lifetime === undefined || entry.body.length > settings.maxObjectBytes) return false;
    const kept = store.keep(key, entry, lifetime, epoch);
    const count = (done: boolean) => {
      if (done) counts.stored += 1;
    };
    if (!(kept instanceof Promise)) count(kept);
    else void kept.then(count);
    return kept !== false;
  }
}

/** What becomes of an answer: the one that is copied while it passes, whether it is kept already, or why it isn't. */
type Keeping = { readonly answer?: Answer; readonly stored?: boolean; readonly detail?: string };

const nothing = new Uint8Array(0);

function tell(response: Response, told: CacheTold): Response {
  tellCache(response.headers, told);
  return response;
}

/** Asks whether what we have is still true, in place of what the consumer may have asked. */
function ask({ url, headers }: UpstreamHead, validators: Readonly<Record<string, string>>): UpstreamHead {
  const { "if-none-match": _, "if-modified-since": __, ...others } = headers;
  return { url, headers: { ...others, ...validators } };
}

function declaredSize({ headers, body }: Answer): number {
  return body.kind === "whole" ? body.bytes.length : Number(headers.get("content-length") ?? 0);
}

function discard({ body }: Answer): void {
  if (body.kind === "stream") body.reader.cancel().catch(() => {});
}

/** Waits for what an equal request brings: not longer than a consumer stays, and not for ever. */
async function waitFor<T>(brought: Promise<T>, { request, watch }: Call, patienceMs: number): Promise<T | undefined> {
  const over = Promise.withResolvers<undefined>();
  const left = () =>
    over.reject(new ConsumerLeft("The consumer closed the connection while it waited for an equal request's answer."));
  const timer = setTimeout(() => over.resolve(undefined), patienceMs);
  watch.onOver = () => over.reject(new Refusal("draining", { headers: { connection: "close" } }));
  request.signal.addEventListener("abort", left);
  if (request.signal.aborted) left();
  try {
    return await Promise.race([brought, over.promise]);
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener("abort", left);
    watch.onOver = () => {};
  }
}
