import { expect, test } from "bun:test";
import { fitTrend } from "./memory.ts";

const sampled = (bytes: (second: number) => number) =>
  Array.from({ length: 60 }, (_, second) => ({ at: second * 1000, bytes: bytes(second) }));

test("memory that rises and falls again and again has no slope", () => {
  const { slope, mean, peak } = fitTrend(sampled((second) => 200 + (second % 4) * 10));
  expect(Math.abs(slope)).toBeLessThan(0.1);
  expect({ mean, peak }).toEqual({ mean: 215, peak: 230 });
});

test("a leak below such waves is seen", () => {
  const { slope, growth } = fitTrend(sampled((second) => 200 + (second % 4) * 10 + second * 2));
  expect(slope).toBeCloseTo(2, 1);
  expect(growth).toBeCloseTo(2 * 59, -1);
});

test("a single sample is no slope", () => {
  expect(fitTrend([{ at: 5, bytes: 7 }])).toEqual({ mean: 7, peak: 7, growth: 0, slope: 0 });
});
