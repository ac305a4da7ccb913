import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { multiply, readDecimal, roundHalfEven, writeDecimal } from "./decimal.ts";

test("a decimal is read from text and from a number, exponents included", () => {
  expect(readDecimal("0.075")).toEqual({ units: 75n, scale: 3 });
  expect(readDecimal(1e-7)).toEqual({ units: 1n, scale: 7 });
  expect(readDecimal("2.5e3")).toEqual({ units: 2500n, scale: 0 });
  expect(readDecimal(3)).toEqual({ units: 3n, scale: 0 });
});

test("what is no decimal, or a negative one, is not read", () => {
  for (const value of ["", "-1", "1,5", "abc", ".5", Number.NaN, Number.POSITIVE_INFINITY, -0.1, "1e999"])
    expect(readDecimal(value)).toBeUndefined();
});

test("a decimal is written without an exponent and without idle zeros", () => {
  expect(writeDecimal({ units: 75n, scale: 3 })).toBe("0.075");
  expect(writeDecimal({ units: 2500n, scale: 3 })).toBe("2.5");
  expect(writeDecimal({ units: 3000n, scale: 3 })).toBe("3");
});

test("halves are rounded to the even neighbour, everything else to the nearest", () => {
  const cases: [units: bigint, rounded: bigint][] = [
    [5n, 0n],
    [15n, 2n],
    [25n, 2n],
    [26n, 3n],
    [24n, 2n],
    [375n, 38n],
    [1125n, 112n],
  ];
  for (const [units, rounded] of cases) expect(roundHalfEven({ units, scale: 1 })).toBe(rounded);
});

test("a number's shortest text survives reading and writing", () => {
  const prices = fc.double({ min: 1e-60, max: 1e9, noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(prices, (price) => Number(writeDecimal(readDecimal(price) ?? { units: -1n, scale: 0 })) === price),
  );
});

test("a product is exact where floating point is not", () => {
  const product = multiply({ units: 1n, scale: 1 }, { units: 3n, scale: 0 });
  expect(writeDecimal(product)).toBe("0.3");
  expect(0.1 * 3).not.toBe(0.3);
});
