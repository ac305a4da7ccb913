import { expect, test } from "bun:test";
import fc from "fast-check";
import { createScratchEncoder } from "./scratch-encoder.ts";

test("it writes what a buffer would, however much came before", () => {
  const encode = createScratchEncoder();
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 2000 }), { maxLength: 40 }), (lines) => {
      const expected = Buffer.from(lines.map((line) => `${line}\n`).join(""));
      expect(Buffer.from(encode(lines)).equals(expected)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test("megabytes are written whole, and the memory for them is let go", () => {
  const encode = createScratchEncoder();
  const large = "€".repeat(5_000_000);
  expect(encode([large, "x"]).length).toBe(15_000_003);
  expect(encode(["x"]).buffer.byteLength).toBeLessThan(100_000);
});
