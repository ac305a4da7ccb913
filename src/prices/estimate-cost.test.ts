import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { sumUsage } from "../domain/usage.ts";
import { createCostEstimator } from "./estimate-cost.ts";
import { createPriceBook } from "./price-book.ts";

const at = Date.UTC(2026, 5, 1);
const prices = createPriceBook();
const { estimateNanoUsd, isPriced } = createCostEstimator({ prices, now: () => at });

test("an estimate is what plain input and output cost, to the nano-dollar", () => {
  const models = [
    ["openai", "gpt-4o"],
    ["openai", "gpt-5.5"],
    ["anthropic", "claude-sonnet-4-5"],
    ["gemini", "models/gemini-2.5-pro"],
    ["perplexity", "sonar"],
    ["kimi", "no-such-model"],
  ] as const;
  const count = fc.integer({ min: 1, max: 500_000 });
  fc.assert(
    fc.property(fc.constantFrom(...models), count, count, ([provider, model], input, output) => {
      const priced = prices.price({ provider, model, at, usage: sumUsage({ input, output }, { source: "provider" }) });
      expect(estimateNanoUsd(provider, model, input, output)).toBe(
        priced.kind === "priced" ? Number(priced.nanoUsd) : undefined,
      );
    }),
  );
});

test("an embedding costs its input, whatever output was expected", () => {
  expect(estimateNanoUsd("openai", "text-embedding-3-small", 1000, 500)).toBe(20_000);
  expect(isPriced("openai", "text-embedding-3-small")).toBe(true);
});

test("a model that costs nothing is priced, one that is sold by the hour or that nobody knows is not", () => {
  expect([
    isPriced("openai", "omni-moderation-latest"),
    estimateNanoUsd("openai", "omni-moderation-latest", 9, 9),
  ]).toEqual([true, 0]);
  expect([isPriced("openai", "whisper-1"), estimateNanoUsd("openai", "whisper-1", 9, 9)]).toEqual([false, undefined]);
  expect([isPriced("openai", "no-such-model"), estimateNanoUsd("openai", "x".repeat(9999), 9, 9)]).toEqual([
    false,
    undefined,
  ]);
});

test("a price that begins to hold later is estimated by from then on", () => {
  let time = Date.UTC(2026, 0, 1) - 1;
  const own = createPriceBook({
    own: { models: { house: [{ input: "1" }, { input: "2", from: "2026-01-01" }] }, aliases: { mine: "house" } },
  });
  const estimator = createCostEstimator({ prices: own, now: () => time });
  expect(estimator.estimateNanoUsd("x", "mine", 1000, 10)).toBe(1_000_000);
  time += 1;
  expect(estimator.estimateNanoUsd("x", "mine", 1000, 10)).toBe(2_000_000);
});
