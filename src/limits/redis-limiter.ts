import { createHash } from "node:crypto";
import type { RedisConnection } from "../lib/redis-connection.ts";
import type { Demand, Hold, Limiter, Standing, Verdict } from "./limiter.ts";
import { meters } from "./meters.ts";
import { beatScript, endScript, reapScript, type RedisScript, reserveScript } from "./redis-scripts.ts";

/** A limiter that processes share; where Redis can't be asked, `reserve` and `beat` reject. */
export type RedisLimiter = Omit<Limiter, "reserve"> & {
  readonly reserve: (...call: Parameters<Limiter["reserve"]>) => Promise<Verdict>;
  /** Says that this process lives, and gives back what dead ones hold; it must be called several times within a lease. Rejects where Redis takes long over it. */
  readonly beat: () => Promise<void>;
};

/** What the limiter is made of. */
export type RedisLimiterParts = {
  readonly connection: Pick<RedisConnection, "send" | "isUp">;
  /** This process, by a name that no other ever had. */
  readonly process: string;
  /** How long a process counts as living that says nothing. */
  readonly leaseMs: number;
  /** Milliseconds since the epoch; absent, the clock of Redis, which is the same for all processes. */
  readonly now?: () => number;
};

const prefix = "weir:limits:";
const processes = `${prefix}processes`;
const lifePrefix = `${prefix}life:`;

/** Signs of life are waited for so long. */
const beatLimitMs = 250;
/** What isn't answered in this time is said again; nobody waits for it. */
const endLimitMs = 5000;

/** How a call ends: it is no longer under way, everything of it is given back, or its real tokens are known. */
type End = "ended" | "back" | "settle";

/** Creates a limiter that counts in Redis; the connection is closed by whoever opened it. */
export function createRedisLimiter({ connection, process, leaseMs, now }: RedisLimiterParts): RedisLimiter {
  const held = `${prefix}held:${process}`;
  const life = lifePrefix + process;
  /** What couldn't be said yet; each is of a call that was under way when Redis went. */
  const unsaid = new Map<string, readonly [id: string, end: End, tokens: number]>();

  return {
    async reserve(id, demands, { tokens, optimistic }) {
      const keys = [held, processes, life, ...demands.map(writeKey)];
      const figures = demands.flatMap(({ figures: those }) => meters.map(({ limitOf }) => String(limitOf(those) ?? 0)));
      const time = now === undefined ? "" : String(now());
      const wasUp = connection.isUp();
      try {
        const reply = await run(reserveScript, keys, [
          time,
          id,
          process,
          String(leaseMs),
          String(tokens),
          optimistic ? "1" : "0",
          ...figures,
        ]);
        return readVerdict(reply, demands, () => createHold(id));
      } catch (error) {
        // It may have been counted although nobody heard of it.
        if (wasUp) unsaid.set(`${id} back`, [id, "back", 0]);
        throw error;
      }
    },
    async beat() {
      // Else every call of a burst would find them missing, and send them.
      for (const { text } of [reserveScript, endScript])
        await connection.send(["SCRIPT", "LOAD", text], { limitMs: beatLimitMs });
      const dead = await run(beatScript, [processes], [process, String(leaseMs), lifePrefix], beatLimitMs);
      await sayUnsaid();
      if (!Array.isArray(dead)) return;
      for (const other of dead) await reap(String(other));
    },
    async close() {
      if (!connection.isUp()) return;
      await sayUnsaid();
      await connection.send(["DEL", life], { limitMs: beatLimitMs });
      await reap(process);
    },
  };

  function createHold(id: string): Hold {
    return {
      ended: () => end(id, "ended"),
      giveBack: () => end(id, "back"),
      settle: (tokens) => end(id, "settle", tokens),
    };
  }

  function end(id: string, how: End, tokens = 0): void {
    void say(id, how, tokens).catch(() => unsaid.set(`${id} ${how}`, [id, how, tokens]));
  }

  function say(id: string, how: End, tokens: number): Promise<unknown> {
    return run(endScript, [held], [id, how, String(tokens)], endLimitMs);
  }

  /** What is said twice changes nothing the second time. */
  async function sayUnsaid(): Promise<void> {
    for (const [name, parts] of unsaid) {
      await say(...parts);
      unsaid.delete(name);
    }
  }

  async function reap(other: string): Promise<void> {
    let left = 1;
    while (left > 0) {
      const keys = [`${prefix}held:${other}`, processes, lifePrefix + other];
      left = Number(await run(reapScript, keys, [other], beatLimitMs));
    }
  }

  async function run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly string[],
    limitMs?: number,
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    const options = limitMs === undefined ? {} : { limitMs };
    try {
      return await connection.send(["EVALSHA", script.sha, ...rest], options);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return connection.send(["EVAL", script.text, ...rest], options);
    }
  }
}

/** Nobody reads in Redis who called. */
function writeKey({ key }: Demand): string {
  return `${prefix}count:${createHash("sha256").update(key).digest("hex").slice(0, 32)}`;
}

function readVerdict(reply: unknown, demands: readonly Demand[], createHold: () => Hold): Verdict {
  const [passed, which, what, remaining, resetMs] = Array.isArray(reply) ? reply.map(Number) : [];
  const demand = demands[which ?? -1];
  const meter = meters[what ?? -1];
  if (demand === undefined || meter === undefined || remaining === undefined || resetMs === undefined)
    throw new Error("Redis gave no verdict");
  const { metric, window, limitOf } = meter;
  const standing: Standing = {
    scope: demand.scope,
    metric,
    window,
    limit: limitOf(demand.figures) ?? 0,
    remaining,
    resetMs,
  };
  return passed === 1 ? { kind: "passed", tightest: standing, hold: createHold() } : { kind: "refused", by: standing };
}
