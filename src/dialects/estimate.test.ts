import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Choice } from "../domain/output.ts";
import { sumUsage } from "../domain/usage.ts";
import { estimateUsage } from "./estimate.ts";

function choices(...list: readonly Omit<Choice, "index">[]) {
  return { kind: "choices" as const, choices: list.map((choice, index) => ({ index, ...choice })) };
}

test("Latin script counts four characters a token, scripts without spaces 1.3", () => {
  const latin = estimateUsage({ output: choices({ text: "The quick brown fox." }) });
  expect(latin).toEqual({ source: "estimated", output: 5, total: 5 });
  const dense = estimateUsage({ output: choices({ text: "天気はいいですねぇ今日は。" }) });
  expect(dense?.output).toBe(10);
  expect(estimateUsage({ output: choices({ text: "สวัสดีครับผมชื่อ" }) })?.output).toBeGreaterThan(10);
});

test("input, answer and reasoning have buckets of their own, every choice and tool call counted", () => {
  const usage = estimateUsage({
    input: { messages: ["a".repeat(32)] },
    output: choices(
      { text: "b".repeat(40), reasoning: "c".repeat(20) },
      { refusal: "d".repeat(8), tool_calls: [{ name: "call", arguments: '{"a": 12}...' }] },
    ),
  });
  expect(usage).toEqual({ source: "estimated", input: 10, output: 16, output_reasoning: 5, total: 31 });
});

test("what the provider told stays, and only the rest is estimated", () => {
  const raw = { input_tokens: 100, cache_read_input_tokens: 30, output_tokens: 1 };
  const told = sumUsage({ input: 100, input_cached: 30, output: 1 }, { source: "provider", raw, tier: "batch" });
  const usage = estimateUsage({ input: "x".repeat(9_999), output: choices({ text: "y".repeat(40) }), told });
  expect(usage).toEqual({
    source: "estimated",
    input: 100,
    input_cached: 30,
    output: 10,
    total: 140,
    raw,
    tier: "batch",
  });
});

test("a larger figure of the provider's is not made smaller", () => {
  const told = sumUsage({ input: 100, output: 50 }, { source: "provider" });
  expect(estimateUsage({ output: choices({ text: "short" }), told })).toBe(told);
});

test("a request that could not be read is estimated by its size", () => {
  expect(estimateUsage({ inputBytes: 400, output: choices({ text: "" }) })).toMatchObject({ input: 100, total: 100 });
});

test("media are no text, and what a provider's own tool gave back is no output", () => {
  const image = `data:image/png;base64,${"iVBORw0KGgo".repeat(10_000)}`;
  const usage = estimateUsage({ input: { image_url: image }, inputBytes: 110_000 });
  expect(usage?.input).toBeLessThan(10);
  const tool = { name: "search", server: "search", arguments: {}, result: "r".repeat(10_000) };
  expect(estimateUsage({ output: choices({ tool_calls: [tool] }) })?.output).toBeLessThan(10);
  expect(estimateUsage({ output: { kind: "vectors", count: 9, dimensions: 9 } })).toBeUndefined();
});

test("where nothing is known there is nothing to estimate", () => {
  expect(estimateUsage({})).toBeUndefined();
  expect(estimateUsage({ output: { kind: "binary", type: "audio/mpeg", bytes: 9_000 } })).toBeUndefined();
});

test("any input is estimated, never negative and never more than its characters", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (input, text) => {
      const usage = estimateUsage({ input, output: choices({ text }) });
      if (usage === undefined) return;
      expect(usage.total).toBeGreaterThan(0);
      expect(usage.total).toBeLessThanOrEqual(JSON.stringify(input).length + text.length + 2);
    }),
  );
});

test("hostile input is bounded in length and depth", () => {
  let deep: unknown = "x";
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  expect(estimateUsage({ input: deep })).toBeUndefined();
  const long = estimateUsage({ input: Array.from({ length: 40 }, () => "a b".repeat(100_000)) });
  expect(long?.input).toBe(500_000);
});
