import { expect, test } from "bun:test";
import { createGuessBrake, type GuessBrakeParts } from "./guess-brake.ts";

/** A brake whose waits are written down, and end when the test says so. */
function setUp(more: Partial<GuessBrakeParts> = {}) {
  const clock = { now: 1_000_000 };
  const waits: number[] = [];
  const ends: (() => void)[] = [];
  const sleep = (ms: number) => {
    waits.push(ms);
    return new Promise<void>((resolve) => ends.push(resolve));
  };
  const brake = createGuessBrake({
    now: () => clock.now,
    sleep,
    free: 10,
    firstWaitMs: 250,
    longestWaitMs: 4_000,
    ...more,
  });
  const fail = (address: string, times: number) => Array.from({ length: times }, () => void brake.failed(address));
  const endAll = async () => {
    for (const end of ends.splice(0)) end();
    await Bun.sleep(0);
  };
  return { clock, brake, fail, waits, endAll };
}

const address = "198.51.100.1";

test("ten wrong credentials cost nothing, each after them twice the wait of the one before, to four seconds", () => {
  const { fail, waits } = setUp();
  fail(address, 10);
  expect(waits).toEqual([]);
  fail(address, 7);
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000]);
});

test("who has been quiet for a minute begins anew, who hasn't doesn't", () => {
  const { clock, fail, waits } = setUp();
  fail(address, 10);
  clock.now += 59_999;
  fail(address, 1);
  expect(waits).toHaveLength(1);
  clock.now += 60_000;
  fail(address, 10);
  expect(waits).toHaveLength(1);
});

test("a right one wipes the slate", () => {
  const { brake, fail, waits } = setUp();
  fail(address, 10);
  brake.succeeded(address);
  fail(address, 10);
  expect(waits).toEqual([]);
});

test("while many of an address wait, no other of it may", async () => {
  const { brake, fail, endAll } = setUp();
  fail(address, 25);
  expect(brake.isCrowded(address)).toBe(false);
  fail(address, 1);
  expect(brake.isCrowded(address)).toBe(true);
  expect(brake.isCrowded("198.51.100.2")).toBe(false);
  await endAll();
  expect(brake.isCrowded(address)).toBe(false);
});

test("all that wait together are bounded too", () => {
  const { brake, fail } = setUp({ free: 0, maxWaitingOfAll: 3 });
  for (const last of [1, 2, 3]) fail(`192.0.2.${last}`, 1);
  expect(brake.isCrowded("192.0.2.9")).toBe(true);
});

test("one IPv6 network is one client", () => {
  const { fail, waits } = setUp();
  for (let host = 1; host <= 11; host += 1) fail(`2001:db8::${host}`, 1);
  expect(waits).toHaveLength(1);
  fail("2001:db8:0:1::1", 1);
  expect(waits).toHaveLength(1);
});

test("it remembers a bounded number of clients, and forgets first who failed longest ago", () => {
  const { fail, waits } = setUp({ maxClients: 3 });
  fail(address, 10);
  for (const other of ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) fail(other, 1);
  fail(address, 1);
  expect(waits).toEqual([]);
});
