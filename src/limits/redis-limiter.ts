import { createHash } from "node:crypto";
import type { RedisConnection } from "../lib/redis-connection.ts";
import type { Cost, Demand, Hold, Limiter, Standing, Verdict } from "./limiter.ts";
import { meters } from "./meters.ts";
import { beatScript, endScript, reapScript, type RedisScript, reserveScript } from "./redis-scripts.ts";
import { createToldFigures, type ToldFigures } from "./told-figures.ts";

/** A limiter that processes share; where Redis can't be asked, `reserve` and `beat` reject. */
export type RedisLimiter = Omit<Limiter, "reserve"> & {
  readonly reserve: (...call: Parameters<Limiter["reserve"]>) => Promise<Verdict>;
  /** What is known of a call without asking; `unknown` too where as many are being counted afterwards as may be. */
  readonly look: ToldFigures["look"];
  /** Counts a call that passed without an answer, whatever the figures, and once however often it was asked about; nobody waits for it. `undefined` where it can't be counted. */
  readonly record: (...call: Parameters<Limiter["reserve"]>) => Hold | undefined;
  /** Gives back what was asked for and isn't wanted any more. */
  readonly withdraw: (id: string) => void;
  /** Says that this process lives, and gives back what dead ones hold; it must be called several times within a lease. Rejects where Redis takes longer than so many milliseconds over a part of it. */
  readonly beat: (limitMs?: number) => Promise<void>;
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
  /** The monotonic clock in milliseconds. */
  readonly elapsed?: () => number;
};

const prefix = "weir:limits:";
const processes = `${prefix}processes`;
const lifePrefix = `${prefix}life:`;

/** Signs of life are waited for so long. */
const beatLimitMs = 250;
/** What isn't answered in this time is said again; nobody waits for it. */
const endLimitMs = 5000;
/** So many calls that passed without an answer are counted afterwards, at once. */
const mostRecorded = 1000;

/** How a call ends: it is no longer under way, everything of it is given back, or its counts are final. */
type End = "ended" | "back" | "settle";

/** How a script is run; `isWanted` is asked where it has to be sent once more. */
type RunOptions = { readonly limitMs?: number; readonly isWanted?: () => boolean };

/** Creates a limiter that counts in Redis; the connection is closed by whoever opened it. */
export function createRedisLimiter(parts: RedisLimiterParts): RedisLimiter {
  const { connection, process, leaseMs, now, elapsed = () => performance.now() } = parts;
  const held = `${prefix}held:${process}`;
  const life = lifePrefix + process;
  const told = createToldFigures({ elapsed });
  /** What couldn't be said yet; each is of a call that was under way when Redis went. */
  const unsaid = new Map<string, readonly [id: string, end: End, tokens?: number]>();
  /** Calls that Redis was asked about and whose answer decides. */
  const asked = new Set<string>();
  let recorded = 0;

  return {
    async reserve(id, demands, cost) {
      if (connection.isUp()) asked.add(id);
      try {
        const reply = await count(id, demands, cost, { passed: false, isWanted: () => asked.has(id) });
        asked.delete(id);
        const verdict = readVerdict(reply, demands, () => createHold(id, demands));
        if (verdict.kind === "refused") told.refused(demands, reply[1] ?? -1, reply[2] ?? -1, cost.tokens, verdict.by);
        return verdict;
      } catch (error) {
        // It may have been counted although nobody heard of it.
        if (asked.delete(id)) unsaid.set(`${id} back`, [id, "back"]);
        throw error;
      }
    },
    look: (demands, cost) => (canRecord() ? told.look(demands, cost) : { kind: "unknown" }),
    record(id, demands, cost) {
      const wasAsked = asked.delete(id) || unsaid.delete(`${id} back`);
      if (!canRecord()) return wasAsked ? createHold(id, demands) : undefined;
      recorded += 1;
      const isHeard = told.take(demands, cost);
      void count(id, demands, cost, { passed: true, isWanted: () => false })
        .catch(() => {})
        .finally(() => {
          recorded -= 1;
          isHeard();
        });
      return createHold(id, demands);
    },
    withdraw(id) {
      if (asked.delete(id)) end(id, "back");
    },
    async beat(limitMs = beatLimitMs) {
      // Else every call of a burst would find them missing, and send them.
      for (const { text } of [reserveScript, endScript]) await connection.send(["SCRIPT", "LOAD", text], { limitMs });
      const dead = await run(beatScript, [processes], [process, String(leaseMs), lifePrefix], { limitMs });
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

  /** What waits to be said is bounded with it: a Redis that is silent for long isn't told of every call. */
  function canRecord(): boolean {
    return connection.isUp() && recorded + unsaid.size < mostRecorded;
  }

  /** Gives the numbers of the answer. */
  async function count(
    id: string,
    demands: readonly Demand[],
    { tokens, optimistic }: Cost,
    { passed, isWanted }: { readonly passed: boolean; readonly isWanted: () => boolean },
  ): Promise<readonly number[]> {
    const keys = [held, processes, life, ...demands.map(writeKey)];
    const figures = demands.flatMap(({ figures: those }) => meters.map(({ limitOf }) => String(limitOf(those) ?? 0)));
    const time = now === undefined ? "" : String(now());
    const call = [id, process, String(leaseMs), String(tokens), optimistic ? "1" : "0", passed ? "1" : "0"];
    const reply = await run(reserveScript, keys, [time, ...call, ...figures], { isWanted });
    const numbers = Array.isArray(reply) ? reply.map(Number) : [];
    told.hear(demands, numbers.slice(6), numbers[5] ?? 1);
    return numbers;
  }

  function createHold(id: string, demands: readonly Demand[]): Hold {
    let underWay = true;
    return {
      ended() {
        leave();
        end(id, "ended");
      },
      giveBack() {
        leave();
        end(id, "back");
      },
      settle: (tokens) => end(id, "settle", tokens),
    };

    function leave(): void {
      if (underWay) told.leave(demands);
      underWay = false;
    }
  }

  function end(id: string, how: End, tokens?: number): void {
    void say(id, how, tokens).catch(() => unsaid.set(`${id} ${how}`, [id, how, tokens]));
  }

  function say(id: string, how: End, tokens?: number): Promise<unknown> {
    return run(endScript, [held], [id, how, String(tokens ?? "")], { limitMs: endLimitMs });
  }

  /** What is said twice changes nothing the second time. */
  async function sayUnsaid(): Promise<void> {
    for (const [name, what] of unsaid) {
      await say(...what);
      unsaid.delete(name);
    }
  }

  async function reap(other: string): Promise<void> {
    let left = 1;
    while (left > 0) {
      const keys = [`${prefix}held:${other}`, processes, lifePrefix + other];
      left = Number(await run(reapScript, keys, [other], { limitMs: beatLimitMs }));
    }
  }

  async function run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly string[],
    { isWanted = () => true, ...options }: RunOptions = {},
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await connection.send(["EVALSHA", script.sha, ...rest], options);
    } catch (error) {
      // What was decided meanwhile would be counted behind its own end.
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT") || !isWanted()) throw error;
      return connection.send(["EVAL", script.text, ...rest], options);
    }
  }
}

/** Nobody reads in Redis who called. */
function writeKey({ key }: Demand): string {
  return `${prefix}count:${createHash("sha256").update(key).digest("hex").slice(0, 32)}`;
}

function readVerdict(reply: readonly number[], demands: readonly Demand[], createHold: () => Hold): Verdict {
  const [passed, which, what, remaining, resetMs] = reply;
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
