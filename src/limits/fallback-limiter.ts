import type { Hold, Limiter, Verdict } from "./limiter.ts";
import type { RedisLimiter } from "./redis-limiter.ts";

/** What becomes of calls while Redis can't be asked: each process counts by itself, none is counted, or none passes. */
export type OnFailure = "local" | "open" | "closed";

/** What the limiter is made of; milliseconds. */
export type FallbackLimiterParts = {
  readonly redis: RedisLimiter;
  readonly local: Limiter;
  readonly onFailure: OnFailure;
  /** The monotonic clock. */
  readonly elapsed: () => number;
  /** How often this process says that it lives. */
  readonly beatMs: number;
  /** Told when Redis goes, with why, and when it comes back. */
  readonly onChange: (state: "up" | "down", why?: unknown) => void;
  /**
   * Redis is down for us when nothing came from it for so long while it was asked, and a millisecond longer for each call
   * that waits. Time in which this process itself was busy doesn't count.
   */
  readonly patienceMs?: number;
};

/** A limiter that goes on without its Redis. */
export type FallbackLimiter = Limiter & {
  readonly state: () => "up" | "down";
  /** Asks Redis whether it is there, which nobody did before. */
  readonly open: () => Promise<void>;
};

/** Redis answers a connection when it has done what it read from it: of more at once, and from several processes, it would seem to be silent for long. */
const mostAsked = 16;
const leastProbeMs = 20;
const mostProbeMs = 1000;
/** However many calls wait. */
const mostPatienceMs = 50;
/** What comes back for less than this has not come back. */
const steadyMs = 1000;

/**
 * Creates it. Patience is with Redis and not with a call: of many calls at once the last may wait for longer, as long as
 * answers come, so that a burst is counted as exactly as anything else.
 */
export function createFallbackLimiter(parts: FallbackLimiterParts): FallbackLimiter {
  const { redis, local, onFailure, elapsed, beatMs, onChange, patienceMs = 4 } = parts;
  /** Calls that Redis was asked about, by what goes on without its answer. */
  const waiting = new Set<() => void>();
  /** Calls that it will be asked about. */
  const queue: { readonly ask: () => void; readonly giveUp: () => void }[] = [];
  let state: "up" | "down" = "down";
  let upAt = Number.NEGATIVE_INFINITY;
  let probeMs = leastProbeMs;
  let silentMs = 0;
  let closed = false;
  /** Counts every time that Redis went or came; what belongs to an earlier one is of no interest. */
  let era = 0;
  let watch: ReturnType<typeof setTimeout> | undefined;
  let beat: ReturnType<typeof setTimeout> | undefined;

  return {
    state: () => state,
    async open() {
      if (!(await probe())) scheduleProbe();
    },
    reserve(id, demands, cost) {
      const without = () => goWithout(() => local.reserve(id, demands, cost));
      if (state === "down") return without();
      return new Promise((resolve) => {
        const giveUp = () => resolve(without());
        const ask = () => {
          wait(giveUp);
          redis.reserve(id, demands, cost).then(
            (verdict) => {
              if (hear(giveUp)) resolve(onFailure === "local" ? countHereToo(verdict, id, demands, cost) : verdict);
              else if (verdict.kind === "passed") verdict.hold.giveBack();
            },
            (error: unknown) => {
              if (waiting.has(giveUp)) fail(error);
            },
          );
        };
        if (waiting.size < mostAsked) ask();
        else queue.push({ ask, giveUp });
      });
    },
    async close() {
      closed = true;
      state = "down";
      clearTimeout(watch);
      clearTimeout(beat);
      giveUpAll();
      // Who closes it has nothing to gain from a Redis that is gone.
      await redis.close().catch(() => {});
      await local.close();
    },
  };

  function goWithout(countHere: () => Verdict | Promise<Verdict>): Verdict | Promise<Verdict> {
    switch (onFailure) {
      case "local":
        return countHere();
      case "open":
        return { kind: "uncounted" };
      case "closed":
        return { kind: "unavailable" };
    }
  }

  /** What passed counts here too, so that this process knows its own share when Redis goes. */
  function countHereToo(verdict: Verdict, ...call: Parameters<Limiter["reserve"]>): Verdict {
    const here = verdict.kind === "passed" ? local.reserve(...call) : undefined;
    if (verdict.kind !== "passed" || here instanceof Promise || here?.kind !== "passed") return verdict;
    return { ...verdict, hold: joinHolds(verdict.hold, here.hold) };
  }

  function wait(giveUp: () => void): void {
    if (waiting.size === 0) silentMs = 0;
    waiting.add(giveUp);
    watch ??= setTimeout(look, 1);
  }

  /** Something came from Redis; says whether it was still waited for. */
  function hear(giveUp: () => void): boolean {
    silentMs = 0;
    const wasWaiting = waiting.delete(giveUp);
    if (wasWaiting) queue.shift()?.ask();
    return wasWaiting;
  }

  /** Each millisecond counts once, however late it is looked at: between two looks what has arrived is read. */
  function look(): void {
    watch = undefined;
    if (waiting.size === 0) return;
    silentMs += 1;
    const patience = Math.max(patienceMs, Math.min(mostPatienceMs, patienceMs + waiting.size + queue.length - 1));
    if (silentMs > patience) fail(new Error("Redis did not answer in time"));
    else watch = setTimeout(look, 1);
  }

  function fail(why: unknown): void {
    if (state === "up") {
      state = "down";
      era += 1;
      probeMs = elapsed() - upAt > steadyMs ? leastProbeMs : Math.min(mostProbeMs, probeMs * 2);
      onChange(state, why);
      clearTimeout(beat);
      scheduleProbe();
    }
    giveUpAll();
  }

  function giveUpAll(): void {
    const left = [...waiting, ...queue.splice(0).map(({ giveUp }) => giveUp)];
    waiting.clear();
    for (const giveUp of left) giveUp();
  }

  function scheduleProbe(): void {
    if (closed) return;
    beat = setTimeout(() => {
      void probe().then((isBack) => {
        if (isBack) return;
        probeMs = Math.min(mostProbeMs, probeMs * 2);
        scheduleProbe();
      });
    }, probeMs);
    beat.unref();
  }

  /** Redis is back when it answers, and the second time at once: the first may have had to load what it needs. */
  async function probe(): Promise<boolean> {
    try {
      await redis.beat();
      const before = elapsed();
      await redis.beat();
      if (closed || elapsed() - before > Math.max(patienceMs, mostPatienceMs)) return false;
    } catch {
      return false;
    }
    state = "up";
    era += 1;
    upAt = elapsed();
    onChange(state);
    scheduleBeat();
    return true;
  }

  function scheduleBeat(): void {
    const begun = era;
    beat = setTimeout(() => {
      redis.beat().then(
        () => {
          if (era === begun && !closed) scheduleBeat();
        },
        (error: unknown) => {
          if (era === begun && !closed) fail(error);
        },
      );
    }, beatMs);
    beat.unref();
  }
}

function joinHolds(one: Hold, other: Hold): Hold {
  return {
    ended() {
      one.ended();
      other.ended();
    },
    giveBack() {
      one.giveBack();
      other.giveBack();
    },
    settle(tokens) {
      one.settle(tokens);
      other.settle(tokens);
    },
  };
}
