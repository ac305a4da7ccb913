import { z } from "zod";
import { flag, oneOf, reading, size, text, withDefault } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** What is kept of answers, where, and for how long; `read-cache.ts` looks into the rules. */
export const cacheSettings = {
  enabled: {
    env: "HTTP_CACHE_ENABLED",
    yaml: "cache.enabled",
    ...withDefault(flag(), "false"),
    help: "Whether answers are kept and given again, as RFC 9111 allows it. [More](cache.md).",
  },
  backend: {
    env: "HTTP_CACHE_BACKEND",
    yaml: "cache.backend",
    ...withDefault(oneOf(["in-memory", "redis"], { memory: "in-memory" }), "in-memory"),
    help: "Where they are kept: `in-memory` (of each process) or `redis` (for all of them).",
  },
  redisUrl: {
    env: "REDIS_CACHE_URL",
    yaml: "cache.redis_url",
    schema: reading("a redis:// or rediss:// URL", readRedisUrl).optional(),
    secret: true,
    help: "The cache's Redis; unset, the one of `REDIS_URL` or `REDIS_ADDR`.",
  },
  keyPrefix: {
    env: "REDIS_CACHE_KEY_PREFIX",
    yaml: "cache.redis_key_prefix",
    ...withDefault(text(), "llmproxy:cache:"),
    help: "What the cache's keys in Redis begin with.",
  },
  defaultTtlSeconds: {
    env: "HTTP_CACHE_DEFAULT_TTL",
    yaml: "cache.default_ttl",
    ...withDefault(seconds(), "300"),
    help: "How long an answer holds to a POST that was opted in, or to a rule, where nobody says how long: seconds, or with a unit (`5m`).",
  },
  maxObjectBytes: {
    env: "HTTP_CACHE_MAX_OBJECT_BYTES",
    yaml: "cache.max_object_bytes",
    ...withDefault(size({ min: 1 }), "1MB"),
    help: "A larger answer is not kept.",
  },
  maxBytes: {
    env: "HTTP_CACHE_MAX_BYTES",
    yaml: "cache.max_bytes",
    ...withDefault(size({ min: 1 }), "256MB"),
    help: "What the cache in memory may take; what was asked for least lately makes room. Redis has a bound of its own (`maxmemory`).",
  },
  streams: {
    env: "HTTP_CACHE_STREAM_RESPONSES",
    yaml: "cache.stream_responses",
    ...withDefault(flag(), "false"),
    help: "Whether streams are kept too, once they came to their end.",
  },
  replayTiming: {
    yaml: "cache.replay_timing",
    ...withDefault(flag(), "false"),
    help: "Whether a kept stream is given with the pauses that it had.",
  },
  singleFlight: {
    yaml: "cache.single_flight",
    ...withDefault(flag(), "true"),
    help: "Whether equal requests that could be kept wait for the first of them.",
  },
  rules: {
    yaml: "cache.rules",
    schema: z.unknown(),
    help: "Endpoints whose answers are kept though they don't say so: a list of `{ path, methods, ttl, shared }`. [More](cache.md).",
  },
} satisfies Settings;

/** Seconds: a plain number, or a duration with units, `90s`, `1h30m`. */
function seconds() {
  return reading("seconds, or a duration such as 5m or 1h", readSecondsOf);
}

/** `undefined` for what is none. */
export function readSecondsOf(written: string): number | undefined {
  if (/^\d{1,9}$/.test(written)) return Number(written);
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(written)) return undefined;
  const parts = [...written.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  return Math.round(parts.reduce((total, [, amount, unit = ""]) => total + Number(amount) * (inSeconds[unit] ?? 0), 0));
}

const inSeconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

function readRedisUrl(written: string): string | undefined {
  return /^rediss?:\/\/./.test(written) && URL.canParse(written) ? written : undefined;
}
