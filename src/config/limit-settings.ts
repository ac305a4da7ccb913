import { z } from "zod";
import {
  count,
  duration,
  flag,
  oneOf,
  pairs,
  type Reading,
  reading,
  size,
  withDefault,
} from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** How much may be called; `read-limits.ts` looks into the overrides. */
export const limitSettings = {
  requestsPerMinute: {
    env: "REQUESTS_PER_MINUTE",
    yaml: "limits.requests_per_minute",
    ...figure(),
    help: "Requests per minute of each token, or of each consumer key, or of each address where there is neither. A token's own limits take its place; 0 bounds nothing.",
  },
  tokensPerMinute: {
    env: "TOKENS_PER_MINUTE",
    yaml: "limits.tokens_per_minute",
    ...figure(),
    help: "LLM tokens per minute of the same.",
  },
  requestsPerDay: {
    env: "REQUESTS_PER_DAY",
    yaml: "limits.requests_per_day",
    ...figure(),
    help: "Requests per day (UTC) of the same.",
  },
  tokensPerDay: {
    env: "TOKENS_PER_DAY",
    yaml: "limits.tokens_per_day",
    ...figure(),
    help: "LLM tokens per day (UTC) of the same.",
  },
  concurrent: {
    env: "CONCURRENT_REQUESTS",
    yaml: "limits.concurrent",
    ...figure(),
    help: "Requests of the same that are under way at once.",
  },
  globalRequestsPerMinute: {
    env: "GLOBAL_RATE_LIMIT",
    yaml: "limits.global.requests_per_minute",
    ...figure(),
    help: "Requests per minute of everybody together.",
  },
  globalTokensPerMinute: {
    yaml: "limits.global.tokens_per_minute",
    ...figure(),
    help: "LLM tokens per minute of everybody together.",
  },
  globalRequestsPerDay: {
    yaml: "limits.global.requests_per_day",
    ...figure(),
    help: "Requests per day of everybody together.",
  },
  globalTokensPerDay: {
    yaml: "limits.global.tokens_per_day",
    ...figure(),
    help: "LLM tokens per day of everybody together.",
  },
  globalConcurrent: {
    env: "MAX_CONCURRENT_REQUESTS",
    yaml: "limits.global.concurrent",
    ...figure(),
    help: "Requests that are under way at once, of everybody together.",
  },
  addressRequestsPerMinute: {
    env: "IP_RATE_LIMIT",
    yaml: "limits.per_address.requests_per_minute",
    ...figure(),
    help: "Requests per minute of each address: an IPv4 address, or the /64 network of an IPv6 one.",
  },
  addressTokensPerMinute: {
    yaml: "limits.per_address.tokens_per_minute",
    ...figure(),
    help: "LLM tokens per minute of each address.",
  },
  addressRequestsPerDay: {
    yaml: "limits.per_address.requests_per_day",
    ...figure(),
    help: "Requests per day of each address.",
  },
  addressTokensPerDay: {
    yaml: "limits.per_address.tokens_per_day",
    ...figure(),
    help: "LLM tokens per day of each address.",
  },
  addressConcurrent: {
    yaml: "limits.per_address.concurrent",
    ...figure(),
    help: "Requests of each address that are under way at once.",
  },
  overrides: {
    yaml: "limits.overrides",
    schema: z.unknown(),
    help: 'Figures of single values, by scope (`address`, `provider`, `model`, `project`, `token`, `user`, `key`) and there by a value or a glob: `model: { "gpt-4o*": { tokens_per_minute: 200000 } }`. They take the place of the figures of the same name, 0 bounding nothing; an exact name wins over a glob, and of globs the first.',
  },
  count: {
    yaml: "limits.count",
    ...withDefault(oneOf(["total", "input"]), "total"),
    help: "Which LLM tokens count: those of the request and the answer (`total`), or the request's alone (`input`).",
  },
  optimisticFirst: {
    yaml: "limits.optimistic_first",
    ...withDefault(flag(), "true"),
    help: "Whether a request that alone is estimated at more than a whole window passes where nothing else is in it, if its text was counted.",
  },
  maxSampleBytes: {
    yaml: "limits.estimation.max_sample_bytes",
    ...withDefault(size(), "20000"),
    help: "Up to this size a request's text is counted to estimate its LLM tokens; of larger ones only the size is looked at.",
  },
  bytesPerToken: {
    yaml: "limits.estimation.bytes_per_token",
    ...withDefault(ratio(), "4"),
    help: "Bytes of a request for one LLM token, where its text isn't counted.",
  },
  charsPerToken: {
    yaml: "limits.estimation.chars_per_token",
    ...withDefault(ratio(), "4"),
    help: "Characters of text for one LLM token.",
  },
  providerCharsPerToken: {
    yaml: "limits.estimation.provider_chars_per_token",
    ...withDefault(ratios(), "openai=5,anthropic=3"),
    help: "The same for single providers: `{ openai: 5, anthropic: 3 }`.",
  },
  backend: {
    env: "LIMITS_BACKEND",
    yaml: "limits.backend",
    schema: oneOf(["memory", "redis"]).optional(),
    help: "Where calls are counted: in each process (`memory`) or for all of them (`redis`). Unset, `redis` where `REDIS_URL` or `REDIS_ADDR` is set.",
  },
  onFailure: {
    env: "LIMITS_ON_FAILURE",
    yaml: "limits.on_failure",
    schema: oneOf(["local", "open", "closed"]).optional(),
    help: "While that Redis is away: each process counts by itself (`local`, also where unset), nothing is counted (`open`), or calls that are bounded are refused with 503 (`closed`).",
  },
  distributed: {
    env: "DISTRIBUTED_RATE_LIMIT_ENABLED",
    ...withDefault(flag(), "false"),
    help: "Whether the other `DISTRIBUTED_RATE_LIMIT_*` count; `REQUESTS_PER_MINUTE` and `REQUESTS_PER_DAY` go before them.",
  },
  distributedMax: {
    env: "DISTRIBUTED_RATE_LIMIT_MAX",
    schema: count().optional(),
    help: "Requests of each token in that window.",
  },
  distributedWindow: {
    env: "DISTRIBUTED_RATE_LIMIT_WINDOW",
    ...withDefault(duration({ min: 1 }), "1m"),
    help: "The window: `1m` (as `REQUESTS_PER_MINUTE`) or `24h` (as `REQUESTS_PER_DAY`).",
  },
  distributedFallback: {
    env: "DISTRIBUTED_RATE_LIMIT_FALLBACK",
    ...withDefault(flag(), "true"),
    help: "`true` is `LIMITS_ON_FAILURE=local`, `false` is `closed`.",
  },
} satisfies Settings;

/** A figure; 0 bounds nothing. */
function figure() {
  return withDefault(count(), "0");
}

function ratio(): Reading<number> {
  return reading("a number greater than 0", readRatio);
}

function readRatio(written: string): number | undefined {
  const number = /^\d*\.?\d+$/.test(written) ? Number(written) : 0;
  return number > 0 ? number : undefined;
}

function ratios(): Reading<Readonly<Record<string, number>>> {
  const names = pairs();
  return z.unknown().transform((value, context): Readonly<Record<string, number>> => {
    const read = names.safeParse(value);
    const entries = Object.entries(read.data ?? {}).map(([name, written]) => [name, readRatio(written)] as const);
    const good = entries.flatMap(([name, number]) => (number === undefined ? [] : [[name, number] as const]));
    if (read.success && good.length === entries.length) return Object.fromEntries(good);
    context.addIssue({ code: "custom", message: "numbers greater than 0 by provider, such as { openai: 5 }" });
    return z.NEVER;
  });
}
