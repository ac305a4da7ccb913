import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { readUsd, writeUsd } from "./nano-usd.ts";

test.each([
  ["0", "0"],
  ["1", "0.000000001"],
  ["130000", "0.00013"],
  ["1000000000", "1"],
  ["1234567890123", "1234.567890123"],
  ["99999999999999999999", "99999999999.999999999"],
  ["-5", "-0.000000005"],
])("%s nano-dollars are %s dollars", (nanoUsd, usd) => {
  expect(writeUsd(nanoUsd)).toBe(usd);
});

test("what is written is read as the same amount", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (amount) => {
      expect(readUsd(writeUsd(String(amount)))).toBe(amount);
    }),
  );
});

test.each(["", "-1", "1,5", ".5", "1.", "1e3", "1.0000000001", "9999999.5", " 1"])("%p is no amount", (text) => {
  expect(readUsd(text)).toBeUndefined();
});
