import { expect, test } from "bun:test";
import { readBounds, readFigure } from "./bound-options.ts";

test("budgets are read in their short form, and an empty one takes all away", () => {
  expect(readBounds({ budget: ["25/month", "$0.50/day,soft"] }, { isNew: true })).toEqual({
    budget: [
      { amount_usd: "25", period: "month", hard: true },
      { amount_usd: "0.50", period: "day", hard: false },
    ],
  });
  expect(readBounds({ budget: [""] }, { isNew: false })).toEqual({ budget: [] });
});

test.each(["off", "none", "25"])("--budget %s is refused with how to take all away", (written) => {
  expect(() => readBounds({ budget: [written] }, { isNew: false })).toThrow(
    `--budget must be such as 25/month, 5/day or 100/total,soft, or "" to take all away, not "${written}"`,
  );
});

test("a figure may be written as 1e3, and what is none is refused with how it is written", () => {
  expect([readFigure("0"), readFigure("1000"), readFigure("1e3")]).toEqual([0, 1000, 1000]);
  for (const written of ["1_000", "-1", "1.5", "", "1e16"])
    expect(() => readFigure(written)).toThrow("It must be a whole number such as 1000 or 1e3; 0 is unlimited.");
});

test("an empty budget makes nothing that is new unbounded, and stands beside no other", () => {
  expect(() => readBounds({ budget: [""] }, { isNew: true })).toThrow("--budget must not be empty");
  expect(() => readBounds({ budget: ["1/day", ""] }, { isNew: false })).toThrow("--budget must not be empty");
});
