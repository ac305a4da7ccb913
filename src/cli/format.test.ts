import { expect, test } from "bun:test";
import { formatBytes, formatDuration, formatJson, formatTable, formatUsd } from "./format.ts";

test("money is never rounded to nothing, and nothing is $0", () => {
  const written = ["0", "1", "1234", "420000000", "999999999", "1000000000", "12345678901"].map(formatUsd);
  expect(written).toEqual(["$0", "$0.000000001", "$0.000001234", "$0.4200", "$1.0000", "$1.00", "$12.35"]);
});

test("durations and sizes are told in the unit that fits them", () => {
  expect([0, 999, 1000, 59_940, 61_000, 3_600_000].map(formatDuration)).toEqual([
    "0 ms",
    "999 ms",
    "1.0 s",
    "59.9 s",
    "1 min 1 s",
    "60 min 0 s",
  ]);
  expect([0, 1023, 1024, 150 * 2 ** 20, 3.5 * 2 ** 30].map(formatBytes)).toEqual([
    "0 B",
    "1023 B",
    "1.0 KB",
    "150 MB",
    "3.5 GB",
  ]);
});

test("a table's numbers stand flush right under their head", () => {
  const rows = [
    ["model", "calls", "cost"],
    ["gpt-4o-mini", "2", "$0"],
    ["x", "1,000", "unpriced"],
  ];
  expect(formatTable(rows, [1])).toEqual([
    "model        calls  cost",
    "gpt-4o-mini      2  $0",
    "x            1,000  unpriced",
  ]);
});

test("what somebody else wrote commands no terminal", () => {
  expect(formatTable([["\u001b[2Jmodel\nx", "1"]])).toEqual(["[2Jmodel x  1"]);
});

test("JSON has names in snake case, at every depth", () => {
  expect(formatJson({ exitCode: 0, models: [{ slowestMs: 1, input_cached: 2 }] })).toBe(
    '{"exit_code":0,"models":[{"slowest_ms":1,"input_cached":2}]}',
  );
});
