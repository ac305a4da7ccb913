import { expect, test } from "bun:test";
import { count } from "./json.ts";

test("what can be counted with is not negative, and no provider's 1e308", () => {
  expect([0, 0.5, 1_000_000, 2 ** 40].map(count)).toEqual([0, 0.5, 1_000_000, 2 ** 40]);
  for (const value of [-1, 2 ** 41, 1e308, Number.POSITIVE_INFINITY, Number.NaN, "12", null, undefined])
    expect([value, count(value)]).toEqual([value, undefined]);
});
