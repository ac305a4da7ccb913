import { randomUUID } from "node:crypto";
import type { RedisConnection } from "../lib/redis-connection.ts";
import { createFallbackLimiter, type FallbackLimiterParts, type OnFailure } from "./fallback-limiter.ts";
import type { Limiter } from "./limiter.ts";
import { createMemoryLimiter } from "./memory-limiter.ts";
import { createRedisLimiter } from "./redis-limiter.ts";

/** A limiter, and whether its Redis is there, where it has one. */
export type OpenLimiter = Limiter & { readonly redisState: () => "up" | "down" | undefined };

/** What a limiter is opened with. */
export type OpenLimiterParts = Pick<FallbackLimiterParts, "elapsed" | "onChange" | "patienceMs" | "lateMs"> & {
  readonly onFailure: OnFailure;
  /** Where it counts; absent, in this process alone. It is closed by whoever opened it. */
  readonly connection?: RedisConnection | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long what a dead process held counts on. */
  readonly leaseMs?: number;
};

const connectMs = 1000;

/** Opens a limiter; a Redis that isn't there is waited for for a second, and then gone without. */
export async function openLimiter(parts: OpenLimiterParts): Promise<OpenLimiter> {
  const { connection, now, elapsed, leaseMs = 15_000 } = parts;
  const local = createMemoryLimiter({ now });
  if (connection === undefined) return { ...local, redisState: () => undefined };
  const redis = createRedisLimiter({ connection, process: randomUUID(), leaseMs, elapsed });
  const limiter = createFallbackLimiter({ ...parts, redis, local, beatMs: leaseMs / 3 });
  await connection.whenUp(connectMs);
  await limiter.open();
  return { reserve: limiter.reserve, close: limiter.close, redisState: limiter.state };
}
