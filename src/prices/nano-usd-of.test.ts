import { expect, test } from "bun:test";
import fc from "fast-check";
import { roundHalfEven } from "../lib/decimal.ts";
import { nanoUsdOf } from "./nano-usd-of.ts";

test("a number is what large integers come to, whatever the price and the count", () => {
  const price = fc.record({
    units: fc.oneof(fc.bigInt({ min: 0n, max: 100_000n }), fc.bigInt({ min: 0n, max: 10n ** 24n })),
    scale: fc.nat({ max: 20 }),
  });
  const count = fc.oneof(fc.nat({ max: 1_000_000 }), fc.nat({ max: 2 ** 50 }));
  let numbers = 0;
  fc.assert(
    fc.property(price, count, ({ units, scale }, quantity) => {
      const cost = nanoUsdOf({ units, scale }, quantity);
      if (typeof cost === "number") numbers += 1;
      expect(BigInt(cost)).toBe(roundHalfEven({ units: units * BigInt(quantity) * 1000n, scale }));
    }),
    { numRuns: 1_000, examples: [[{ units: 25n, scale: 4 }, 1]] },
  );
  expect(numbers).toBeGreaterThan(50);
});

test("halves go to the even one", () => {
  expect([1, 3, 5].map((count) => nanoUsdOf({ units: 5n, scale: 4 }, count))).toEqual([0, 2, 2]);
});
