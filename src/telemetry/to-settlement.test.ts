import { expect, test } from "bun:test";
import type { Exchange } from "../domain/exchange.ts";
import { sumUsage } from "../domain/usage.ts";
import { toSettlement } from "./to-settlement.ts";

function settle(kind: Exchange["kind"], usage: Exchange["usage"], about: Partial<Exchange> = {}) {
  // Only these members are looked at.
  return toSettlement(7, { kind, usage, ...about } as Exchange);
}

test("tokens of every kind count, on the side where they belong", () => {
  const usage = sumUsage({ input: 1, input_cached: 2, output: 4, output_reasoning: 8 }, { source: "provider" });
  expect(settle("generation", usage, { cost_nano_usd: "77" })).toEqual({
    number: 7,
    tokens: { input: 3, output: 12 },
    costNanoUsd: 77,
  });
});

test("what no model has worked for took nothing, and what nobody could count stays as it was estimated", () => {
  const none = sumUsage({}, { source: "none" });
  expect(settle("other", none)).toMatchObject({ tokens: { input: 0, output: 0 }, costNanoUsd: 0 });
  expect(settle("generation", none)).toMatchObject({ tokens: { input: 0, output: 0 }, costNanoUsd: 0 });
  const unknown = settle("generation", none, { unpriced: true });
  expect([unknown.tokens, unknown.costNanoUsd]).toEqual([undefined, undefined]);
});

test("who asks for an answer again takes nothing of what its usage says", () => {
  const again = sumUsage({ input: 1_000, output: 500 }, { source: "provider" });
  expect(settle("other", again)).toEqual({ number: 7, tokens: { input: 0, output: 0 }, costNanoUsd: 0 });
});
