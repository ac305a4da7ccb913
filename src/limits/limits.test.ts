import { expect, test } from "bun:test";
import type { LimitFigures, LimitRules } from "../domain/limits.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Limiter } from "./limiter.ts";
import type { LimitSubject } from "./find-demands.ts";
import { createLimits, type LimitTicket } from "./limits.ts";
import { createMemoryLimiter } from "./memory-limiter.ts";

const rules: LimitRules = {
  base: {},
  global: {},
  perAddress: {},
  overrides: {},
  count: "total",
  optimisticFirst: true,
};

const address = () => "192.0.2.7";
const subject: Omit<LimitSubject, "estimate"> = { address, provider: "openai", model: "gpt-4o-mini" };
const small = { input: 10, output: 5, sampled: true };

function setUp(some: Partial<LimitRules>, limiter: Limiter = createMemoryLimiter({ now: () => 1_800_000_000_000 })) {
  const limits = createLimits({ rules: { ...rules, ...some }, limiter, onRefused: () => {} });
  let ids = 0;
  const take = async (who: Partial<LimitSubject> = {}, estimate = small): Promise<LimitTicket | undefined> => {
    ids += 1;
    return limits.take(`call-${ids}`, { ...subject, ...who, estimate: () => estimate });
  };
  /** How many of so many calls pass. */
  const count = async (calls: number, who: Partial<LimitSubject> = {}): Promise<number> => {
    const tried = await Promise.allSettled(Array.from({ length: calls }, () => take(who)));
    return tried.filter(({ status }) => status === "fulfilled").length;
  };
  return { limits, take, count };
}

async function refusalOf(taken: Promise<unknown>): Promise<Refusal> {
  const error = await taken.then(
    () => undefined,
    (why: unknown) => why,
  );
  if (error instanceof Refusal) return error;
  throw new Error("It was not refused");
}

test("without figures nothing is asked, estimated or counted", async () => {
  const limiter: Limiter = {
    reserve: () => {
      throw new Error("asked");
    },
    close: () => Promise.resolve(),
  };
  const { limits } = setUp({ base: { requestsPerMinute: 0 } }, limiter);
  expect(limits.any).toBe(false);
  const estimate = () => {
    throw new Error("estimated");
  };
  expect(limits.take("a", { ...subject, estimate })).toBeUndefined();
  expect(setUp({ base: { requestsPerMinute: 1 } }).limits.take("a", { ...subject, estimate })).toBeDefined();
});

const one: LimitFigures = { requestsPerMinute: 1 };

test.each([
  [{ base: one }],
  [{ global: one }],
  [{ perAddress: { concurrent: 2 } }],
  [{ overrides: { model: { "gpt-*": { tokensPerDay: 5 } } } }],
])("%j could bound any call", (some) => {
  expect(setUp(some).limits.any).toBe(true);
});

test("top-level figures bound each token, each consumer key, and each address where there is neither", async () => {
  const { count } = setUp({ base: one });
  expect(await count(2, { tokenId: "t1" })).toBe(1);
  expect(await count(2, { tokenId: "t2" })).toBe(1);
  expect(await count(2, { keyHash: "k1" })).toBe(1);
  expect(await count(2, { keyHash: "k2" })).toBe(1);
  expect(await count(2)).toBe(1);
  expect(await count(2, { address: () => "192.0.2.8" })).toBe(1);
  expect(await count(2, { tokenId: "t1", address: () => "192.0.2.9" })).toBe(0);
});

test("an address is bounded whoever calls from it, an IPv6 one with its network", async () => {
  const { count } = setUp({ perAddress: { requestsPerMinute: 2 } });
  expect(await count(2, { tokenId: "t1" })).toBe(2);
  expect(await count(1, { tokenId: "t2" })).toBe(0);
  expect(await count(2, { address: () => "2001:db8::1" })).toBe(2);
  expect(await count(1, { address: () => "2001:db8::2" })).toBe(0);
  expect(await count(1, { address: () => "2001:db8:0:1::1" })).toBe(1);
});

test("calls without a token are not counted with those of tokens from the same address", async () => {
  const { count } = setUp({ base: { requestsPerMinute: 3 }, perAddress: { requestsPerMinute: 10 } });
  expect(await count(3, { tokenId: "t1" })).toBe(3);
  expect(await count(3, { tokenId: "t2" })).toBe(3);
  expect(await count(4)).toBe(3);
  expect(await count(3, { tokenId: "t3" })).toBe(1);
});

test("everybody is bounded together", async () => {
  const { count } = setUp({ global: { requestsPerMinute: 3 } });
  expect(await count(2, { tokenId: "t1" })).toBe(2);
  expect(await count(2, { address: () => "192.0.2.8", provider: "gemini" })).toBe(1);
});

test("an override takes the place of the figures that it names, and 0 bounds nothing", async () => {
  const { count } = setUp({
    base: { requestsPerMinute: 2, concurrent: 4 },
    overrides: {
      token: { big: { requestsPerMinute: 6 }, free: { requestsPerMinute: 0 } },
      address: { [address()]: one },
    },
  });
  const elsewhere = { address: () => "192.0.2.99" };
  expect(await count(9, { ...elsewhere, tokenId: "usual" })).toBe(2);
  expect(await count(9, { ...elsewhere, tokenId: "big" })).toBe(4);
  expect(await count(9, { ...elsewhere, tokenId: "free" })).toBe(4);
  expect(await count(9)).toBe(1);
});

test("an override frees nobody from a wider limit", async () => {
  const { count } = setUp({
    global: { requestsPerMinute: 3 },
    overrides: { token: { vip: { requestsPerMinute: 1000 } } },
  });
  expect(await count(9, { tokenId: "vip" })).toBe(3);
});

test("an IPv6 network's figures are those of each of its addresses, and win over a glob", async () => {
  const overrides = {
    address: { "*": { requestsPerMinute: 5 }, "2001:db8:0:1::/64": { requestsPerMinute: 2 } },
  };
  const { count } = setUp({ overrides });
  expect(await count(9, { address: () => "2001:db8:0:1::7" })).toBe(2);
  expect(await count(9, { address: () => "2001:db8:0:2::7" })).toBe(5);
});

test("overrides bound users, models, providers, projects and keys that nothing bounds else", async () => {
  const overrides = {
    user: { alice: one },
    model: { m: one },
    provider: { p: one },
    project: { pr: one },
    key: { k: one },
  };
  const { count } = setUp({ overrides });
  expect(await count(2, { user: "alice" })).toBe(1);
  expect(await count(2, { user: "bob" })).toBe(2);
  expect(await count(2, { model: "m" })).toBe(1);
  expect(await count(2, { provider: "p" })).toBe(1);
  expect(await count(2, { projectId: "pr", tokenId: "t" })).toBe(1);
  expect(await count(2, { keyHash: "k" })).toBe(1);
  expect(await count(2)).toBe(2);
});

test("an exact name wins over a glob, of globs the first counts, and each value is counted by itself", async () => {
  const overrides = {
    model: { "gpt-*": { requestsPerMinute: 2 }, "gpt-4*": one, "gpt-4o": { requestsPerMinute: 3 }, "**": one },
  };
  const { count } = setUp({ overrides });
  expect(await count(9, { model: "gpt-4o" })).toBe(3);
  expect(await count(9, { model: "gpt-4o-mini" })).toBe(2);
  expect(await count(9, { model: "gpt-5" })).toBe(2);
  expect(await count(9, { model: "models/other" })).toBe(1);
});

test("a project's and a token's own figures count, the token's in place of the top-level ones", async () => {
  const { count } = setUp({ base: { requestsPerMinute: 2, concurrent: 3 } });
  const project = { projectId: "p", projectLimits: { requestsPerMinute: 6 } };
  expect(await count(9, { ...project, tokenId: "t1" })).toBe(2);
  expect(await count(9, { ...project, tokenId: "t2", tokenLimits: { requestsPerMinute: 9 } })).toBe(3);
  expect(await count(9, { ...project, tokenId: "t3", tokenLimits: { requestsPerMinute: 0, concurrent: 0 } })).toBe(1);
  expect(await count(9, { tokenId: "t4", tokenLimits: { requestsPerMinute: 0, concurrent: 0 } })).toBe(9);
});

test("a refusal says which limit, how long to wait, and never whose it is", async () => {
  const { take } = setUp({ base: { requestsPerMinute: 2 } });
  await take({ tokenId: "secret-id" });
  await take({ tokenId: "secret-id" });
  const refusal = await refusalOf(take({ tokenId: "secret-id" }));
  expect(refusal).toMatchObject({ code: "rate_limit_exceeded", status: 429 });
  expect(refusal.message).toBe(
    "The rate limit is reached: 2 requests per minute for this token. Wait as long as the Retry-After header says.",
  );
  expect(refusal.headers).toEqual({
    "retry-after": "60",
    "x-ratelimit-limit": "2",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "60",
    "x-ratelimit-scope": "token",
    "x-ratelimit-metric": "requests",
    "x-ratelimit-window": "minute",
  });
  expect(JSON.stringify(refusal.headers)).not.toContain("secret");
});

test("too many at once, and a request too large for its window, are told as what they are", async () => {
  const busy = setUp({ perAddress: { concurrent: 1 } });
  await busy.take();
  const refusal = await refusalOf(busy.take());
  expect(refusal).toMatchObject({ code: "concurrency_exceeded", status: 429 });
  expect(refusal.headers).toMatchObject({
    "retry-after": "1",
    "x-ratelimit-window": "now",
    "x-ratelimit-metric": "concurrent",
  });
  expect(refusal.message).toBe(
    "Too many requests are in flight: at most 1 at once for your address. Wait until one has ended.",
  );
  const large = setUp({ global: { tokensPerMinute: 100 }, optimisticFirst: false });
  const { message } = await refusalOf(large.take({}, { input: 100, output: 50, sampled: true }));
  expect(message).toMatch(
    /^This request is estimated at 150 tokens, which is more than the limit of 100 tokens per minute for all callers together\./,
  );
});

test("nobody is told to wait who could never pass", async () => {
  const large = { input: 100, output: 50, sampled: true };
  const retryOf = async (some: Partial<LimitRules>, estimate = large) => {
    const { take } = setUp({ global: { tokensPerMinute: 100 }, ...some });
    await take();
    const { headers } = await refusalOf(take({}, estimate));
    return [headers["retry-after"], headers["x-should-retry"]];
  };
  expect(await retryOf({ optimisticFirst: false })).toEqual([undefined, "false"]);
  expect(await retryOf({}, { ...large, sampled: false })).toEqual([undefined, "false"]);
  expect(await retryOf({})).toEqual(["60", undefined]);
  expect(await retryOf({ optimisticFirst: false }, { ...large, output: 0 })).toEqual(["60", undefined]);
});

test("a call that passes gets the headers of its tightest scope", async () => {
  const { take } = setUp({ base: { requestsPerMinute: 10 }, overrides: { model: { "gpt-*": { tokensPerDay: 100 } } } });
  expect((await take({}, { input: 60, output: 20, sampled: true }))?.headers).toMatchObject({
    "x-ratelimit-limit": "100",
    "x-ratelimit-remaining": "20",
    "x-ratelimit-scope": "model",
    "x-ratelimit-metric": "tokens",
    "x-ratelimit-window": "day",
  });
});

test("the real tokens take the place of the estimate, all of them or the input alone", async () => {
  for (const [count, left] of [
    ["total", "65"],
    ["input", "85"],
  ] as const) {
    const { limits, take } = setUp({ base: { tokensPerMinute: 100 }, count });
    const first = await take({}, { input: 40, output: 40, sampled: true });
    first?.hold.settle(limits.countTokens({ input: 10, output: 20 }));
    const ticket = await take({}, { input: 5, output: 0, sampled: true });
    expect(ticket?.headers["x-ratelimit-remaining"]).toBe(left);
  }
});

test("a request larger than an untouched window passes once, if its text was counted and the operator lets it", async () => {
  const large = { input: 500, output: 0, sampled: true };
  const passes = async (some: Partial<LimitRules>, estimate = large) => {
    const { take } = setUp({ base: { tokensPerMinute: 100 }, ...some });
    const tried = await Promise.allSettled(Array.from({ length: 50 }, () => take({}, estimate)));
    return tried.filter(({ status }) => status === "fulfilled").length;
  };
  expect(await passes({})).toBe(1);
  expect(await passes({ optimisticFirst: false })).toBe(0);
  expect(await passes({}, { ...large, sampled: false })).toBe(0);
});

test("a limiter that can't count lets calls pass without a ticket, or refuses them", async () => {
  const say = (kind: "uncounted" | "unavailable"): Limiter => ({
    reserve: () => ({ kind }),
    close: () => Promise.resolve(),
  });
  expect(await setUp({ base: one }, say("uncounted")).take()).toBeUndefined();
  const refusal = await refusalOf(setUp({ base: one }, say("unavailable")).take());
  expect(refusal).toMatchObject({ code: "dependency_unavailable", status: 503 });
});
