import { expect, test } from "bun:test";
import { createBreaker } from "./breaker.ts";

function createTestBreaker(random: number) {
  return createBreaker({ now: () => 1000, random: () => random });
}

test("waits double from half a second up to a minute", () => {
  const breaker = createTestBreaker(1);
  const waits = Array.from({ length: 9 }, () => breaker.fail("down"));
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
});

test("jitter takes up to half of a wait away", () => {
  expect(createTestBreaker(0).fail("down")).toBe(250);
  expect(createTestBreaker(0.5).fail("down")).toBe(375);
});

test("a service that names its time is not asked before it, nor left alone for days", () => {
  expect(createTestBreaker(0).fail("busy", 30_000)).toBe(30_000);
  expect(createTestBreaker(1).fail("busy", 30_000)).toBe(33_000);
  expect(createTestBreaker(0).fail("busy", 1)).toBe(500);
  expect(createTestBreaker(0).fail("busy", 86_400_000)).toBe(900_000);
});

test("it opens after five failures in a row, and one success closes it", () => {
  const breaker = createTestBreaker(0);
  for (let failures = 1; failures <= 5; failures += 1) {
    expect(breaker.isOpen()).toBe(false);
    breaker.fail(`failure ${failures}`);
  }
  expect(breaker.isOpen()).toBe(true);
  expect(breaker.health()).toMatchObject({ consecutiveFailures: 5, lastError: "failure 5", failingSince: 1000 });
  expect(breaker.succeed()).toBe(true);
  expect(breaker.isOpen()).toBe(false);
  expect(breaker.health()).toEqual({ consecutiveFailures: 0, lastDeliveredAt: 1000 });
  expect(breaker.succeed()).toBe(false);
});

test("the times of a first failure are of one moment", () => {
  let now = 1000;
  const breaker = createBreaker({ now: () => now++, random: () => 1 });
  expect(breaker.fail("down")).toBe(500);
  expect(breaker.health()).toMatchObject({ failingSince: 1000, nextAttemptAt: 1500 });
});
