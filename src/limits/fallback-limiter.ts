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
   * Redis is late when nothing came from it for so long while it was asked, and a millisecond longer for each call that
   * waits. Time in which this process itself was busy doesn't count.
   */
  readonly patienceMs?: number;
  /** Redis is down for us when it is late for so long. */
  readonly lateMs?: number;
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
/** A late Redis is looked after so often. */
const lateLookMs = 25;
/** What comes back for less than this has not come back. */
const steadyMs = 1000;
/** Signs of life are nobody's call: they may take long, and longer still where calls are answered. */
const beatLimitMs = 1000;

/** A call, and what waits for its verdict. */
type Waiter = {
  readonly call: Parameters<Limiter["reserve"]>;
  readonly resolve: (verdict: Verdict | Promise<Verdict>) => void;
};

/**
 * Creates it. Patience is with Redis and not with a call: of many calls at once the last may wait for longer, as long as
 * answers come, so that a burst is counted as exactly as anything else. While Redis is late, calls are decided by what it
 * told last, and counted there afterwards; only where that doesn't say enough they wait on.
 */
export function createFallbackLimiter(parts: FallbackLimiterParts): FallbackLimiter {
  const { redis, local, onFailure, elapsed, beatMs, onChange, patienceMs = 4, lateMs = 250 } = parts;
  /** Calls that Redis was asked about. No `Set`: one with much coming and going keeps what it once held until a full collection. */
  const waiting: Waiter[] = [];
  /** Calls that it will be asked about. */
  const queue: Waiter[] = [];
  let state: "up" | "down" = "down";
  let isLate = false;
  let upAt = Number.NEGATIVE_INFINITY;
  let probeMs = leastProbeMs;
  let silentMs = 0;
  let closed = false;
  /** Counts every time that Redis went or came; what belongs to an earlier one is of no interest. */
  let era = 0;
  /** Counts the answers. */
  let heard = 0;
  let isWatched = false;
  let watch: ReturnType<typeof setTimeout> | undefined;
  let beat: ReturnType<typeof setTimeout> | undefined;

  return {
    state: () => state,
    async open() {
      if (!(await probe())) scheduleProbe();
    },
    reserve(...call) {
      const early = state === "down" ? goWithout(call) : isLate ? decideLate(call) : undefined;
      if (early !== undefined) return early;
      return new Promise((resolve) => {
        queue.push({ call, resolve });
        askMore();
      });
    },
    async close() {
      closed = true;
      state = "down";
      era += 1;
      clearTimeout(watch);
      clearTimeout(beat);
      giveUpAll();
      // Who closes it has nothing to gain from a Redis that is gone.
      await redis.close().catch(() => {});
      await local.close();
    },
  };

  function askMore(): void {
    while (waiting.length < mostAsked) {
      const waiter = queue.shift();
      if (waiter === undefined) return;
      if (waiting.length === 0 && !isLate) silentMs = 0;
      waiting.push(waiter);
      if (!isWatched) lookIn(1);
      ask(waiter);
    }
  }

  function ask(waiter: Waiter): void {
    const begun = era;
    redis.reserve(...waiter.call).then(
      (verdict) => {
        hear();
        if (remove(waiter)) waiter.resolve(countHereToo(verdict, waiter.call));
        askMore();
      },
      (error: unknown) => {
        if (era === begun) fail(error);
      },
    );
  }

  /** False where it has its verdict already. */
  function remove(waiter: Waiter): boolean {
    const place = waiting.indexOf(waiter);
    if (place >= 0) waiting.splice(place, 1);
    return place >= 0;
  }

  function goWithout(call: Waiter["call"]): Verdict | Promise<Verdict> {
    if (onFailure === "local") return passHere(call);
    redis.withdraw(call[0]);
    return { kind: onFailure === "open" ? "uncounted" : "unavailable" };
  }

  /** What can be said of a call while Redis is late, if anything. */
  function decideLate(call: Waiter["call"]): Verdict | Promise<Verdict> | undefined {
    const [id, demands, cost] = call;
    if (onFailure === "closed") return undefined;
    if (onFailure === "open") {
      const hold = redis.record(...call);
      return hold === undefined ? { kind: "uncounted" } : { kind: "passed", tightest: undefined, hold };
    }
    const outlook = redis.look(demands, cost);
    switch (outlook.kind) {
      case "room":
        return passHere(call);
      case "full":
        redis.withdraw(id);
        return { kind: "refused", by: outlook.by };
      case "unknown":
        return undefined;
    }
  }

  /** Decides by this process's own share; what passes is counted in Redis afterwards, as far as that can be. */
  function passHere(call: Waiter["call"]): Verdict | Promise<Verdict> {
    const here = local.reserve(...call);
    if (here instanceof Promise) return here;
    if (here.kind !== "passed") {
      redis.withdraw(call[0]);
      return here;
    }
    const there = redis.record(...call);
    return there === undefined ? here : { ...here, hold: joinHolds(there, here.hold) };
  }

  /** What passed counts here too, so that this process knows its own share when Redis goes. */
  function countHereToo(verdict: Verdict, call: Waiter["call"]): Verdict {
    const here = verdict.kind === "passed" && onFailure === "local" ? local.reserve(...call) : undefined;
    if (verdict.kind !== "passed" || here instanceof Promise || here?.kind !== "passed") return verdict;
    return { ...verdict, hold: joinHolds(verdict.hold, here.hold) };
  }

  /** Something came from Redis. */
  function hear(): void {
    heard += 1;
    silentMs = 0;
    if (!isLate) return;
    isLate = false;
    lookIn(1);
  }

  function lookIn(milliseconds: number): void {
    clearTimeout(watch);
    isWatched = true;
    watch = setTimeout(look, milliseconds);
  }

  /** Each millisecond counts once, however late it is looked at: between two looks what has arrived is read. */
  function look(): void {
    isWatched = false;
    if (state === "down" || (waiting.length === 0 && !isLate)) return;
    silentMs += isLate ? lateLookMs : 1;
    if (isLate && silentMs > lateMs) fail(new Error("Redis did not answer in time"));
    else if (isLate) lookIn(lateLookMs);
    else if (silentMs <= findPatience()) lookIn(1);
    else lookOnceMore();
  }

  function findPatience(): number {
    return Math.max(patienceMs, Math.min(mostPatienceMs, patienceMs + waiting.length + queue.length - 1));
  }

  /** This process may have stood still since it last read: what has arrived by now is read first. */
  function lookOnceMore(): void {
    isWatched = true;
    setImmediate(() =>
      setImmediate(() => {
        isWatched = false;
        if (state === "down" || waiting.length === 0) return;
        if (silentMs > findPatience()) becomeLate();
        else lookIn(1);
      }),
    );
  }

  function becomeLate(): void {
    isLate = true;
    silentMs = 0;
    lookIn(lateLookMs);
    for (const waiter of waiting.splice(0)) if (!settleLate(waiter)) waiting.push(waiter);
    for (const waiter of queue.splice(0)) if (!settleLate(waiter)) queue.push(waiter);
    askMore();
  }

  function settleLate(waiter: Waiter): boolean {
    const verdict = decideLate(waiter.call);
    if (verdict !== undefined) waiter.resolve(verdict);
    return verdict !== undefined;
  }

  function fail(why: unknown): void {
    if (state === "up") {
      state = "down";
      isLate = false;
      era += 1;
      probeMs = elapsed() - upAt > steadyMs ? leastProbeMs : Math.min(mostProbeMs, probeMs * 2);
      onChange(state, why);
      clearTimeout(beat);
      scheduleProbe();
    }
    giveUpAll();
  }

  function giveUpAll(): void {
    for (const { call, resolve } of [...waiting.splice(0), ...queue.splice(0)]) resolve(goWithout(call));
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
      const heardBefore = heard;
      redis.beat(beatLimitMs).then(
        () => {
          if (era === begun && !closed) scheduleBeat();
        },
        (error: unknown) => {
          if (era !== begun || closed) return;
          if (heard === heardBefore) fail(error);
          else scheduleBeat();
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
