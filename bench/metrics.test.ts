import { expect, test } from "bun:test";
import { median, medians } from "./metrics.ts";

test("a median of an even count lies between the two in the middle", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([9, 1, 5])).toBe(5);
});

test("each metric's median is taken over the measurements that have it", () => {
  expect(medians([{ p50Ms: 1, idleMb: 60 }, { p50Ms: 3 }, { p50Ms: 2 }])).toEqual({ p50Ms: 2, idleMb: 60 });
});
