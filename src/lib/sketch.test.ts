import { expect, test } from "bun:test";
import fc from "fast-check";
import { createSketch } from "./sketch.ts";

const times = fc.array(fc.double({ min: 0.01, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 });

function sketchOf(values: readonly number[]) {
  const sketch = createSketch();
  for (const value of values) sketch.add(value);
  return sketch;
}

test("a quantile is the smallest value that so many of them don't exceed, wrong by 2 % at most", () => {
  fc.assert(
    fc.property(times, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
      const sorted = values.toSorted((one, other) => one - other);
      const right = sorted[Math.max(0, Math.ceil(share * values.length) - 1)] ?? 0;
      const told = sketchOf(values).quantile(share) ?? 0;
      expect(Math.abs(told - right) / right).toBeLessThanOrEqual(0.02);
    }),
  );
});

test("the slowest of a few shows in the high quantiles", () => {
  const [quick, slow] = [sketchOf([48, 4, 4]), sketchOf([...Array<number>(9).fill(38), 1_500])];
  for (const share of [0.9, 0.95, 0.99]) expect(quick.quantile(share)).toBeCloseTo(48, -1);
  expect(quick.quantile(0.5)).toBeCloseTo(4, 0);
  expect(slow.quantile(0.9)).toBeCloseTo(38, -1);
  for (const share of [0.95, 0.99]) expect(slow.quantile(share)).toBeGreaterThan(1_470);
});

test("those that are merged, in any order and by way of their text, are the same as one that has counted all", () => {
  fc.assert(
    fc.property(times, times, (some, others) => {
      const all = sketchOf([...some, ...others]);
      for (const [one, other] of [
        [some, others],
        [others, some],
      ] as const) {
        const merged = createSketch(sketchOf(one).toText());
        merged.merge(sketchOf(other).toText());
        expect(merged.toText()).toBe(all.toText());
        expect(merged.count()).toBe(some.length + others.length);
      }
    }),
  );
});

test("a value may count for many", () => {
  const sketch = createSketch();
  sketch.add(10, 99);
  sketch.add(1_000);
  expect(sketch.count()).toBe(100);
  expect(sketch.quantile(0.5)).toBeCloseTo(10, 0);
  expect(sketch.quantile(1)).toBeGreaterThan(980);
});

test("an empty one has no quantile; zero, what is below it and what is no number do no harm", () => {
  expect(createSketch().quantile(0.5)).toBeUndefined();
  expect(createSketch().toText()).toBe("[]");
  expect(createSketch("[]").count()).toBe(0);
  const sketch = sketchOf([0, -1, Number.NaN, Number.POSITIVE_INFINITY]);
  expect(sketch.count()).toBe(3);
  expect(sketch.quantile(0)).toBe(0);
  expect(sketch.quantile(1)).toBeGreaterThan(9e14);
});

test("what is no sketch is refused", () => {
  for (const text of ["[1]", "{}", '["1",2]', "[1,0.5]"]) expect(() => createSketch(text)).toThrow("no sketch");
});

test("a wide range of times takes little room", () => {
  const sketch = createSketch();
  for (let value = 1; value < 600_000; value *= 1.001) sketch.add(value);
  expect(sketch.toText().length).toBeLessThan(4_000);
});
