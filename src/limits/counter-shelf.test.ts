import { expect, test } from "bun:test";
import { createCounterShelf } from "./counter-shelf.ts";

test("counters that count nothing any more go by and by, and others stay", () => {
  const shelf = createCounterShelf(1000);
  for (let at = 0; at < 500; at += 1) shelf.find(`idle-${at}`, 0, 0);
  const busy = shelf.find("busy", 0, 0);
  busy.concurrent = 1;
  const daily = shelf.find("daily", 0, 0);
  daily.dayTokens = 5;
  for (let finds = 0; finds < 8 * 502; finds += 1) shelf.find("other", 61, 0);
  expect(shelf.size()).toBe(3);
  expect(shelf.find("busy", 61, 0)).toBe(busy);
  expect(shelf.find("daily", 61, 0)).toBe(daily);
});

test("there are never more than the most, and those in use are the last to go", () => {
  const shelf = createCounterShelf(100);
  const used = Array.from({ length: 10 }, (_, at) => shelf.find(`used-${at}`, 0, 0));
  for (let at = 0; at < 10_000; at += 1) {
    shelf.find(`flood-${at}`, 1, 0);
    if (at % 5 === 0) for (const which of used.keys()) shelf.find(`used-${which}`, 1, 0);
    expect(shelf.size()).toBeLessThanOrEqual(100);
  }
  expect(used.map((_, at) => shelf.find(`used-${at}`, 1, 0) === used[at])).toEqual(
    Array.from({ length: 10 }, () => true),
  );
});

test("where all are in use, one goes all the same", () => {
  const shelf = createCounterShelf(40);
  for (let at = 0; at < 200; at += 1) shelf.find(`busy-${at}`, 0, 0).concurrent = 1;
  expect(shelf.size()).toBe(40);
});
