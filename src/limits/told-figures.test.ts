import { expect, test } from "bun:test";
import type { LimitFigures } from "../domain/limits.ts";
import type { Demand, Standing } from "./limiter.ts";
import { createToldFigures } from "./told-figures.ts";

const cost = { tokens: 0, optimistic: false };
const demandsOf = (figures: LimitFigures): readonly Demand[] => [{ scope: "token", key: "token:a", figures }];
const perMinute = demandsOf({ requestsPerMinute: 10 });

function setUp() {
  let now = 0;
  const told = createToldFigures({ elapsed: () => now });
  const fill = (demands = perMinute, one = cost) => {
    for (let passed = 0; ; passed += 1) {
      if (told.look(demands, one).kind !== "room") return passed;
      told.take(demands, one);
    }
  };
  return { told, fill, at: (milliseconds: number) => void (now = milliseconds) };
}

test("a process takes its part of what was left, rounded up, until Redis has heard of it", () => {
  const { told, fill } = setUp();
  told.hear(perMinute, [5, 0, 0, 0, 0], 2);
  const isHeard = told.take(perMinute, cost);
  expect(fill()).toBe(2);
  expect(told.look(perMinute, cost)).toEqual({ kind: "unknown" });
  isHeard();
  expect(fill()).toBe(1);
});

test("a counter that nobody told of is taken for an empty one, and so is one of another minute", () => {
  const { told, fill, at } = setUp();
  expect(fill()).toBe(10);
  const demands = demandsOf({ requestsPerMinute: 10, requestsPerDay: 11 }).map((one) => ({ ...one, key: "other" }));
  told.hear(demands, [10, 0, 10, 0, 0], 1);
  expect(fill(demands)).toBe(0);
  at(61_001);
  expect(fill(demands)).toBe(1);
});

test("only what Redis refused a moment ago is refused, with what is left of its time", () => {
  const { told, at } = setUp();
  const demands = demandsOf({ tokensPerMinute: 100 });
  const by: Standing = {
    scope: "token",
    metric: "tokens",
    window: "minute",
    limit: 100,
    remaining: 40,
    resetMs: 30_000,
  };
  told.hear(demands, [0, 60, 0, 0, 0], 1);
  told.refused(demands, 0, 1, 50, by);
  at(900);
  expect(told.look(demands, { ...cost, tokens: 50 })).toEqual({ kind: "full", by: { ...by, resetMs: 29_100 } });
  expect(told.look(demands, { ...cost, tokens: 49 })).toEqual({ kind: "unknown" });
  expect(told.look(demands, { ...cost, tokens: 40 })).toEqual({ kind: "room" });
  expect(told.look(demandsOf({ tokensPerMinute: 200 }), { ...cost, tokens: 50 })).toEqual({ kind: "room" });
  at(1000);
  expect(told.look(demands, { ...cost, tokens: 50 })).toEqual({ kind: "unknown" });
});

test("a call that has ended leaves its place", () => {
  const { told, fill } = setUp();
  const demands = demandsOf({ concurrent: 2 });
  told.hear(demands, [0, 0, 0, 0, 2], 1);
  expect(fill(demands)).toBe(0);
  told.leave(demands);
  expect(fill(demands)).toBe(1);
});
