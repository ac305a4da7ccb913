import { expect, test } from "bun:test";
import { editDistance, findNearest } from "./nearest.ts";

test("the distance counts letters that are added, left out and changed", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("same", "same")).toBe(0);
});

test("a mistyped word finds what was meant, and another word finds nothing", () => {
  const keys = ["base_url", "dialect", "key", "key_in"];
  expect(findNearest("base_ur", keys)).toBe("base_url");
  expect(findNearest("dialekt", keys)).toBe("dialect");
  expect(findNearest("timeout", keys)).toBeUndefined();
});
