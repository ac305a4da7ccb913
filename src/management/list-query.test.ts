import { expect, test } from "bun:test";
import { oneOf, readPage, readTime } from "./list-query.ts";

const id = "0195f3a0-7a7c-7d3e-9a53-0a9f3f0c1d2e";

test.each([
  [{}, { limit: 20 }],
  [{ limit: "7" }, { limit: 7 }],
  [{ limit: "0" }, { limit: 1 }],
  [{ limit: "-5" }, { limit: 1 }],
  [{ limit: "101" }, { limit: 100 }],
  [{ limit: "1e9" }, { limit: 100 }],
  [{ limit: "Infinity" }, { limit: 100 }],
  [{ limit: "2.9" }, { limit: 2 }],
  [{ limit: "x" }, { limit: 20 }],
  [{ limit: "5", page_size: "5" }, { limit: 5 }],
  [{ page_size: "5" }, { limit: 5 }],
  [{ format: "array" }, { limit: 1000 }],
  [{ format: "array", limit: "5000" }, { limit: 1000 }],
  [{ format: "array", limit: "5" }, { limit: 5 }],
  [{ cursor: id.toUpperCase() }, { limit: 20, after: id }],
  [{ page: "1" }, { limit: 20, offset: 0 }],
  [
    { page: "3", page_size: "10" },
    { limit: 10, offset: 20 },
  ],
  [{ page: "0" }, { limit: 20, offset: 0 }],
  [{ page: "-1" }, { limit: 20, offset: 0 }],
  [{ page: "x" }, { limit: 20, offset: 0 }],
] as const)("%p is a page", (query, page) => {
  expect(readPage(query)).toEqual(page);
});

test("the furthest page is one that a database can count to", () => {
  expect(Number.isSafeInteger(readPage({ page: "1e300", limit: "100" }).offset)).toBe(true);
});

test("two names of one thing must agree", () => {
  expect(oneOf({ a: "1", b: "1" }, "a", "b")).toBe("1");
  expect(oneOf({ b: "1" }, "a", "b")).toBe("1");
  expect(oneOf({}, "a", "b")).toBeUndefined();
  expect(() => oneOf({ a: "1", b: "2" }, "a", "b")).toThrow("a and b");
  expect(() => readPage({ cursor: id, page: "1" })).toThrow("cursor and page");
});

test("a time has its zone, whose plus may have become a space", () => {
  const at = Date.parse("2026-03-01T11:00:00Z");
  expect(readTime("2026-03-01T11:00:00Z")).toBe(at);
  expect(readTime("2026-03-01T12:00:00+01:00")).toBe(at);
  expect(readTime("2026-03-01T12:00:00 01:00")).toBe(at);
  for (const text of ["2026-03-01", "2026-03-01T12:00:00", "x", "", "2026-99-99T12:00:00Z", "1772366400000"])
    expect(readTime(text)).toBeUndefined();
});
