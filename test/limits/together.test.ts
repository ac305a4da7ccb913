import { describe, expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { askAtOnce, askInTurn, type Asked } from "./ask.ts";
import { openStage, type Stage } from "./stage.ts";

const limited = "429 rate_limit_exceeded";
const crowded = "429 concurrency_exceeded";

describe("calls that come together", () => {
  test("pass a figure of requests in exactly its number", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 50 }" });
    const told = await askAtOnce(200, () => stage.ask());
    expect(told).toEqual({ "200": 50, [limited]: 150 });
    expect(stage.provider.reached.length).toBe(50);
  }, 30_000);

  test("pass a figure of LLM tokens in exactly its number", async () => {
    await using stage = await openStage({ yaml: "limits: { tokens_per_minute: 1000, optimistic_first: false }" });
    const told = await askAtOnce(150, () => stage.ask({ text: "H", maxTokens: 39, plan: { input: 1, output: 39 } }));
    expect(told).toEqual({ "200": 25, [limited]: 125 });
  }, 30_000);

  test("take all scopes or none, so that a narrow one that refuses leaves the wide one whole", async () => {
    await using stage = await openStage({
      yaml: "limits: { requests_per_minute: 10, tokens_per_minute: 100000, global: { requests_per_minute: 30 } }",
    });
    const tokens = await Promise.all([1, 2, 3, 4].map(() => stage.mint()));
    const of = (token: number) => ({ token: tokens[token] ?? "" });
    expect((await askAtOnce(100, () => stage.ask(of(0))))["200"]).toBe(10);
    const { scope, remaining } = (await stage.ask(of(1))).limit;
    expect(remaining).toBe(scope === "token" ? 9 : 19);
    expect((await askAtOnce(100, (at) => stage.ask(of(1 + (at % 2)))))["200"]).toBe(19);
    expect((await stage.ask(of(3))).limit.scope).toBe("global");
    // The one that the whole refused has taken nothing of its own.
    stage.wait(62);
    expect((await askAtOnce(20, () => stage.ask(of(3))))["200"]).toBe(10);
  }, 30_000);
});

/** Begins calls that are held upstream, and waits until they are there. */
async function begin(stage: Stage, count: number, hold: string, more: Asked = {}) {
  const before = stage.provider.reached.length;
  const calls = Array.from({ length: count }, () =>
    stage.ask({ ...more, plan: { ...more.plan, hold } }).catch(() => undefined),
  );
  await waitFor(() => stage.provider.reached.length >= before + count || undefined, "They do not arrive");
  return calls;
}

describe("calls under way", () => {
  const yaml = "limits: { concurrent: 2 }";

  test("are bounded for each token, and one that ends makes room", async () => {
    await using stage = await openStage({ yaml });
    const calls = await begin(stage, 2, "a");
    const { told, limit, headers } = await stage.ask();
    expect([told, limit.retryAfter]).toEqual([crowded, 1]);
    expect(headers.get("x-ratelimit-scope")).toBe("token");
    expect((await stage.ask({ token: await stage.mint() })).told).toBe("200");
    stage.provider.release("a");
    await Promise.all(calls);
    expect(await askInTurn(3, () => stage.ask())).toEqual(["200", "200", "200"]);
  });

  test("hold their place until a stream's last byte", async () => {
    await using stage = await openStage({ yaml });
    const calls = await begin(stage, 2, "a", { stream: true, plan: { input: 1, output: 1 } });
    expect((await stage.ask()).told).toBe(crowded);
    stage.provider.release("a");
    await Promise.all(calls);
    expect((await stage.ask()).told).toBe("200");
  });

  test("of a consumer that leaves in the middle of a stream make room", async () => {
    await using stage = await openStage({ yaml });
    for (let round = 0; round < 3; round += 1) {
      const leaving = new AbortController();
      const calls = await begin(stage, 2, "never", { stream: true, signal: leaving.signal });
      expect((await stage.ask()).told).toBe(crowded);
      await Bun.sleep(30);
      leaving.abort();
      await Promise.all(calls);
      await waitFor(async () => (await stage.ask()).told === "200" || undefined, "Their places stay taken");
    }
  });

  test("of a consumer that leaves before the answer make room", async () => {
    await using stage = await openStage({ yaml });
    const leaving = new AbortController();
    const calls = await begin(stage, 2, "never", { signal: leaving.signal });
    leaving.abort();
    await Promise.all(calls);
    await waitFor(async () => (await stage.ask()).told === "200" || undefined, "Their places stay taken");
  });

  test("that fail, can't be sent or are refused later make room too", async () => {
    await using stage = await openStage({
      yaml: `${yaml}\nproviders: { nowhere: { base_url: "http://127.0.0.1:1", dialect: openai } }`,
    });
    const keys = { nowhere: "sk-up-nowhere-0123456789", openai: "sk-up-openai-0123456789" };
    const token = await stage.mint({ max_requests: 30 }, { provider_keys: keys });
    for (let each = 0; each < 10; each += 1) {
      expect((await stage.ask({ token, plan: { status: 500 } })).told).toBe("500");
      expect((await stage.ask({ token, target: "/nowhere/v1/chat/completions" })).told).toBe(
        "502 upstream_unreachable",
      );
      expect((await stage.ask({ token })).told).toBe("200");
    }
    const spent = await stage.mint({ max_requests: 1 });
    await stage.ask({ token: spent });
    for (let each = 0; each < 5; each += 1) expect((await stage.ask({ token: spent })).told).toBe("429 quota_exceeded");
  });

  test("that are refused for want of a place take nothing of the minute", async () => {
    await using stage = await openStage({ yaml: "limits: { concurrent: 1, requests_per_minute: 3 }" });
    const calls = await begin(stage, 1, "a");
    expect(new Set(await askInTurn(10, () => stage.ask()))).toEqual(new Set([crowded]));
    stage.provider.release("a");
    await Promise.all(calls);
    expect(await askInTurn(3, () => stage.ask())).toEqual(["200", "200", limited]);
  });

  test("don't lapse because they last: a place is held for as long as the call", async () => {
    await using stage = await openStage({ yaml });
    const calls = await begin(stage, 2, "a");
    for (const seconds of [61, 600, 86_400]) {
      stage.wait(seconds);
      expect((await stage.ask()).told).toBe(crowded);
    }
    stage.provider.release("a");
    await Promise.all(calls);
    expect((await stage.ask()).told).toBe("200");
  });

  test("MAX_CONCURRENT_REQUESTS bounds the whole", async () => {
    await using stage = await openStage({ env: { MAX_CONCURRENT_REQUESTS: "3" } });
    const tokens = await Promise.all([1, 2, 3].map(() => stage.mint()));
    const calls = (await Promise.all(tokens.map((token) => begin(stage, 1, "a", { token })))).flat();
    expect((await stage.ask()).told).toBe(crowded);
    stage.provider.release("a");
    await Promise.all(calls);
    expect((await askAtOnce(60, () => stage.ask()))["200"]).toBeGreaterThanOrEqual(3);
    expect((await stage.ask()).told).toBe("200");
  });
});
