import { Refusal } from "../domain/refusal.ts";
import type { Standing } from "./limiter.ts";

/** `x-ratelimit-*` of one figure: the scope's name, never whom it counts. Seconds are whole, and at least one. */
export function writeLimitHeaders({ scope, metric, window, limit, remaining, resetMs }: Standing) {
  return {
    "x-ratelimit-limit": String(limit),
    "x-ratelimit-remaining": String(remaining),
    "x-ratelimit-reset": String(toSeconds(resetMs)),
    "x-ratelimit-scope": scope,
    "x-ratelimit-metric": metric,
    "x-ratelimit-window": window,
  };
}

/** What a call is told that has to wait, and for what. */
export function createLimitRefusal(by: Standing, tokens: number): Refusal {
  const headers = { ...writeLimitHeaders(by), "retry-after": String(toSeconds(by.resetMs)) };
  if (by.metric === "concurrent") return new Refusal("concurrency_exceeded", { headers, message: describeBusy(by) });
  return new Refusal("rate_limit_exceeded", { headers, message: describeSpent(by, tokens) });
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

function describeSpent({ scope, metric, window, limit }: Standing, tokens: number): string {
  const bound = `the limit of ${limit} ${metric} per ${window} for ${whose[scope]}`;
  if (metric === "tokens" && tokens > limit)
    return `This request is estimated at ${tokens} tokens, which is more than ${bound}. Send a smaller one, or a lower maximum of output tokens.`;
  return `The rate limit is reached: ${bound.replace("the limit of ", "")}. Wait as long as the Retry-After header says.`;
}

function toSeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}
