import { expect, test } from "bun:test";
import { formatExpiry, formatFacts, formatSpan } from "./words.ts";

const hour = 3_600_000;

test("a span has one unit, and hasn't lost any of it a moment after it began", () => {
  const spans = [24 * hour, 24 * hour - 900, hour - 20, 7 * 24 * hour - 500, 90 * 60_000, 45_000, 1000, 0];
  expect(spans.map(formatSpan)).toEqual([
    "24 hours",
    "24 hours",
    "60 minutes",
    "7 days",
    "90 minutes",
    "45 seconds",
    "1 second",
    "0 seconds",
  ]);
});

test("an end says how far off it is", () => {
  expect(formatExpiry("2026-01-02T00:00:00.000Z", Date.parse("2026-01-01T00:00:00Z"))).toBe(
    "2026-01-02T00:00:00Z (in 24 hours)",
  );
  expect(formatExpiry("2026-01-02T00:00:00.000Z", Date.parse("2026-01-03T00:00:00Z"))).toBe(
    "2026-01-02T00:00:00Z (past)",
  );
  expect(formatExpiry(null, 0)).toBe("never");
});

test("what a terminal would obey is no part of a fact", () => {
  expect(
    formatFacts([
      ["name", "a\u001b[31mb\nc"],
      ["id", "1"],
    ]),
  ).toEqual(["name  a [31mb c", "id    1"]);
});
