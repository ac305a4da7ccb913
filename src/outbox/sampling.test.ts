import { expect, test } from "bun:test";
import { isSampled } from "./sampling.ts";

const ids = Array.from({ length: 20_000 }, (_, at) => `01890000-0000-7000-8000-${at.toString(16).padStart(12, "0")}`);

test("a share of all exchanges is sampled, always the same ones", () => {
  const sampled = ids.filter((id) => isSampled(id, 0.25));
  expect(sampled.length / ids.length).toBeCloseTo(0.25, 1);
  expect(sampled.every((id) => isSampled(id, 0.25))).toBe(true);
});

test("a larger share holds every exchange of a smaller one", () => {
  expect(ids.filter((id) => isSampled(id, 0.1) && !isSampled(id, 0.5))).toEqual([]);
});

test("all is all, and nothing is nothing", () => {
  expect(ids.every((id) => isSampled(id, 1))).toBe(true);
  expect(ids.some((id) => isSampled(id, 0))).toBe(false);
});
