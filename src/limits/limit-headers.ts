import { Refusal } from "../domain/refusal.ts";
import type { Cost, Standing } from "./limiter.ts";

/** `x-ratelimit-*` of one figure: the scope's name, never whom it counts. Seconds are whole, at least one, and of a minute 60 at most. */
export function writeLimitHeaders({ scope, metric, window, limit, remaining, resetMs }: Standing) {
  return {
    "x-ratelimit-limit": String(limit),
    "x-ratelimit-remaining": String(remaining),
    "x-ratelimit-reset": String(toSeconds(resetMs, window)),
    "x-ratelimit-scope": scope,
    "x-ratelimit-metric": metric,
    "x-ratelimit-window": window,
  };
}

/** What a call is told that has to wait, and for what; one that alone is larger than its window waits for nothing, unless it may pass as the first. */
export function createLimitRefusal(by: Standing, { tokens, optimistic }: Cost): Refusal {
  const retry: Readonly<Record<string, string>> =
    isTooLarge(by, tokens) && !optimistic
      ? { "x-should-retry": "false" }
      : { "retry-after": String(toSeconds(by.resetMs, by.window)) };
  const headers = { ...writeLimitHeaders(by), ...retry };
  if (by.metric === "concurrent") return new Refusal("concurrency_exceeded", { headers, message: describeBusy(by) });
  return new Refusal("rate_limit_exceeded", { headers, message: describeSpent(by, tokens) });
}

function isTooLarge({ metric, limit }: Standing, tokens: number): boolean {
  return metric === "tokens" && tokens > limit;
}

const whose: Readonly<Record<Standing["scope"], string>> = {
  global: "all callers together",
  address: "your address",
  provider: "this provider",
  model: "this model",
  project: "this project",
  token: "this token",
  user: "this user",
  key: "your key",
};

function describeBusy({ scope, limit }: Standing): string {
  return `Too many requests are in flight: at most ${limit} at once for ${whose[scope]}. Wait until one has ended.`;
}

function describeSpent(by: Standing, tokens: number): string {
  const bound = `${by.limit} ${by.metric} per ${by.window} for ${whose[by.scope]}`;
  if (isTooLarge(by, tokens))
    return `This request is estimated at ${tokens} tokens, which is more than the limit of ${bound}. Send a smaller one, or a lower maximum of output tokens.`;
  return `The rate limit is reached: ${bound}. Wait as long as the Retry-After header says.`;
}

/** Of a sliding minute the last second may still be missing after 60; vendors' SDKs don't wait for longer, but repeat at once. */
const mostSeconds: Partial<Record<Standing["window"], number>> = { minute: 60 };

function toSeconds(milliseconds: number, window: Standing["window"]): number {
  return Math.min(mostSeconds[window] ?? Number.POSITIVE_INFINITY, Math.max(1, Math.ceil(milliseconds / 1000)));
}
