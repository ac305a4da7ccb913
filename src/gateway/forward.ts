import { isEventStream } from "../dialects/body-form.ts";
import { Refusal } from "../domain/refusal.ts";
import {
  type AnswerBody,
  errorBodies,
  noBodies,
  readAnswerBody,
  waitForFirst,
  type WholeBodies,
} from "./answer-body.ts";
import type { Clock } from "./arrival.ts";
import { type Call, ConsumerLeft } from "./call.ts";
import { watchConnect } from "./connect-watch.ts";
import { decide } from "./decide.ts";
import type { Reachability } from "./reachability.ts";
import type { UnderWay } from "./under-way.ts";
import { type CallEnd, isUpstreams, readUpstreamFailure } from "./upstream-failure.ts";
import { createUpstreamPools, type UpstreamPool } from "./upstream-pools.ts";
import type { UpstreamHead } from "./upstream-request.ts";

/** What an upstream answered. */
export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AnswerBody;
  /** When the request went up; milliseconds on the monotonic clock. */
  readonly sentAt: number;
  /** When the head was there, or the whole of a body in one piece. */
  readonly headAt: number;
  /** It was one that had been kept, so nothing went up. */
  readonly cache?: "hit";
};

/** Sends a call upstream and waits for the head of its answer and the first of its body; throws a `Refusal`, or `ConsumerLeft`. */
export type Forward = (call: Call, head: UpstreamHead) => Promise<Answer>;

/** What forwarding is made of. Milliseconds; 0 switches a timer off. */
export type ForwardParts = {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly reachability: Reachability;
  readonly underWay: Pick<UnderWay, "count">;
  readonly proxyTimeoutMs: number;
  /** How long the upstream may be silent after its head. */
  readonly streamIdleTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Whether the upstream goes on working when the consumer leaves before its answer begins, and how long it is waited for then; 0 not at all. */
  readonly onDisconnect: "cancel" | "drain";
  readonly drainTimeoutMs: number;
  readonly wholeBodies: WholeBodies;
  /** Requests go through a proxy, so a bare connection to the origin says nothing. */
  readonly viaProxy: boolean;
};

/** Creates the way upstream. */
export function createForward(parts: ForwardParts): Forward {
  const { clock, reachability, wholeBodies, underWay } = parts;
  const choosePool = createUpstreamPools();

  return async (call, head) => {
    const abort = new AbortController();
    let ending: CallEnd | undefined;
    const end = (why: CallEnd) => {
      ending ??= why;
      abort.abort();
    };
    const origin = call.route.provider.baseUrl;
    const pool = head.url.startsWith("https:") ? choosePool(underWay.count()) : undefined;
    const sentAt = clock.elapsed();
    const watched = watch(call, sentAt, end);
    try {
      const response = await parts.fetch(head.url, createInit(call, head, abort.signal, pool));
      const { status, headers } = response;
      reachability.answered(origin, status);
      if (status < 200 || status > 599) throw createStatusRefusal(status);
      const reading = readAnswerBody(call.method, response, chooseWhole(call, response));
      const body = reading instanceof Promise ? await reading : reading;
      const headAt = clock.elapsed();
      if (body.kind !== "stream") return { status, headers, body, sentAt, headAt };
      watched.begun(headAt);
      return { status, headers, body: { kind: "stream", reader: await waitForFirst(body.reader) }, sentAt, headAt };
    } catch (error) {
      if (ending === "left") throw new ConsumerLeft("The consumer closed the connection before its answer began.");
      const failure = readUpstreamFailure(error, ending, call);
      // What the consumer or an operator broke off says nothing of the upstream.
      if (isUpstreams(failure)) reachability.failed(origin);
      throw failure;
    } finally {
      watched.forget();
    }
  };

  function chooseWhole(call: Call, { status, headers }: Response): WholeBodies {
    if (isFiltered(call, headers)) return noBodies;
    return status >= 400 && call.grant.key !== undefined ? errorBodies : wholeBodies;
  }

  /** Sees to everything that may end a call before its answer goes down. */
  function watch(call: Call, sentAt: number, end: (why: CallEnd) => void): Watching {
    const { request, watch: watched } = call;
    const { provider } = call.route;
    const limit = provider.timeoutMs ?? parts.proxyTimeoutMs;
    watched.deadline = after(sentAt, limit);
    watched.onOver = end;
    let unwatch: (() => void) | undefined;
    let connected: (() => void) | undefined;
    // When nobody waits any more for what a consumer has left behind.
    let drained = Number.POSITIVE_INFINITY;
    watched.onLasting = () => {
      const { signal } = request;
      const drains = decide(call, "onDisconnect", parts.onDisconnect) === "drain";
      const left = () => {
        if (!drains) return end("left");
        drained = clock.elapsed() + parts.drainTimeoutMs;
        watched.deadline = Math.min(watched.deadline, drained);
        watched.onOver = (why) => end(why === "late" ? "left" : why);
      };
      if (signal.aborted) left();
      else signal.addEventListener("abort", left);
      connected = watchConnect(provider.baseUrl, parts, () => end("connect"));
      unwatch = () => signal.removeEventListener("abort", left);
    };
    return {
      begun(at) {
        watched.deadline = Math.min(drained, after(at, parts.streamIdleTimeoutMs));
        connected?.();
      },
      forget() {
        watched.deadline = Number.POSITIVE_INFINITY;
        watched.onLasting = undefined;
        connected?.();
        unwatch?.();
      },
    };
  }
}

/** What may end a call, until it is forgotten. */
type Watching = {
  /** The upstream is there, and from now on may be silent as long as one that streams. */
  readonly begun: (at: number) => void;
  readonly forget: () => void;
};

/** The end of a timer, which 0 switches off. */
function after(since: number, ms: number): number {
  return ms > 0 ? since + ms : Number.POSITIVE_INFINITY;
}

/** Something is taken out of such an answer, which then goes down with a framing of its own. */
function isFiltered({ spliced }: Call, headers: Headers): boolean {
  return spliced && isEventStream(headers.get("content-type"));
}

function createStatusRefusal(status: number): Refusal {
  return new Refusal("upstream_failed", {
    message: `The provider answered with the status ${status}, which can't be passed on.`,
  });
}

/** What Bun's fetch needs to leave everything as it is. */
function createInit(
  { method, body, headers }: Call,
  head: UpstreamHead,
  signal: AbortSignal,
  tls: UpstreamPool | undefined,
): BunFetchRequestInit {
  const plain = {
    method,
    headers: head.headers,
    decompress: false,
    redirect: "manual",
    timeout: false,
    signal,
  } as const;
  const up: BunFetchRequestInit = tls ? { ...plain, tls } : plain;
  if (body.kind === "none") return up;
  if (body.kind === "whole") return { ...up, body: body.sent };
  // Bun frames a stream by the length that it is told, else in chunks.
  const length = headers["content-length"];
  if (length !== undefined) head.headers["content-length"] = length;
  return { ...up, body: body.upload.stream };
}
