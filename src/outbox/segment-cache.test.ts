import { expect, test } from "bun:test";
import { createSegmentCache } from "./segment-cache.ts";
import type { Segment } from "./segment.ts";

function makeSegment(firstSeq: number, rawSize: number): Segment {
  return { firstSeq, lastSeq: firstSeq, at: 0, kind: "exchange", rawSize, bytes: 1, bodiesShed: false };
}

test("a cache holds what was used last, within its bound", () => {
  const cache = createSegmentCache({ maxCharacters: 100 });
  const [one, two, three] = [makeSegment(1, 40), makeSegment(2, 40), makeSegment(3, 40)];
  cache.put(one, []);
  cache.put(two, []);
  expect(cache.find(one)).toEqual([]);
  cache.put(three, []);
  expect(cache.find(two)).toBeUndefined();
  expect(cache.find(one)).toEqual([]);
  expect(cache.find(three)).toEqual([]);
});

test("what is larger than the bound is not held, nor what was forgotten", () => {
  const cache = createSegmentCache({ maxCharacters: 100 });
  cache.put(makeSegment(1, 101), []);
  expect(cache.find(makeSegment(1, 101))).toBeUndefined();
  cache.put(makeSegment(2, 60), []);
  cache.forget([makeSegment(2, 60)]);
  expect(cache.find(makeSegment(2, 60))).toBeUndefined();
  cache.put(makeSegment(3, 90), []);
  expect(cache.find(makeSegment(3, 90))).toEqual([]);
});
