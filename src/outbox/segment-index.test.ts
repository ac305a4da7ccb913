import { expect, test } from "bun:test";
import fc from "fast-check";
import { createSegmentIndex } from "./segment-index.ts";
import type { Segment } from "./segment.ts";

function makeSegment(firstSeq: number, count: number, sink?: string): Segment {
  const about = {
    firstSeq,
    lastSeq: firstSeq + count - 1,
    at: 0,
    kind: "exchange",
    rawSize: count * 10,
    bytes: count,
    bodiesShed: false,
  } as const;
  return sink === undefined ? about : { ...about, sink };
}

/** Segments in order, some for one sink alone, with holes between them. */
const segments = fc
  .array(
    fc.record({ gap: fc.nat(2), count: fc.integer({ min: 1, max: 4 }), sink: fc.constantFrom(undefined, "a", "b") }),
    { maxLength: 30 },
  )
  .map((parts) => {
    let next = 1;
    return parts.map(({ gap, count, sink }) => {
      const segment = makeSegment(next + gap, count, sink);
      next = segment.lastSeq + 1;
      return segment;
    });
  });

const position = fc.integer({ min: -1, max: 130 });

/** Every record on its own: the plain truth that the index must agree with. */
function numbersFor(all: readonly Segment[], sink: string): number[] {
  return all
    .filter((segment) => segment.sink === undefined || segment.sink === sink)
    .flatMap(({ firstSeq, lastSeq }) => Array.from({ length: lastSeq - firstSeq + 1 }, (_, at) => firstSeq + at));
}

test("an index weighs exactly the records of a sink between two numbers", () => {
  fc.assert(
    fc.property(segments, position, position, (all, after, upTo) => {
      const between = numbersFor(all, "a").filter((seq) => seq > after && seq <= upTo);
      const { records, rawSize } = createSegmentIndex(all).weigh("a", after, upTo);
      expect(records).toBe(between.length);
      expect(rawSize).toBeCloseTo(between.length * 10);
    }),
  );
});

test("an index finds the segment of a sink's next record", () => {
  fc.assert(
    fc.property(segments, position, (all, after) => {
      const seq = numbersFor(all, "b").find((number) => number > after);
      const segment = createSegmentIndex(all).next("b", after);
      const holds = segment !== undefined && seq !== undefined && segment.firstSeq <= seq && seq <= segment.lastSeq;
      expect(holds).toBe(seq !== undefined);
      expect(segment === undefined).toBe(seq === undefined);
    }),
  );
});

test("an index forgets just what it is told to, from the front or anywhere", () => {
  fc.assert(
    fc.property(segments, fc.func(fc.boolean()), fc.nat(30), (all, choose, front) => {
      const index = createSegmentIndex(all);
      const gone = all.filter((segment, at) => at < front || choose(segment.firstSeq));
      index.remove(gone);
      expect(index.all()).toEqual(all.filter((segment) => !gone.includes(segment)));
    }),
  );
});

test("an index passes what lies wholly before a number", () => {
  const index = createSegmentIndex([makeSegment(1, 3), makeSegment(4, 2), makeSegment(6, 1)]);
  expect(index.passed(4).map(({ firstSeq }) => firstSeq)).toEqual([1]);
  expect(index.passed(5).map(({ firstSeq }) => firstSeq)).toEqual([1, 4]);
  expect(index.passed(0)).toEqual([]);
});

test("a segment that is put again takes the place of the former one", () => {
  const index = createSegmentIndex([makeSegment(1, 3), makeSegment(4, 2)]);
  index.put({ ...makeSegment(1, 3), bodiesShed: true });
  index.put(makeSegment(6, 1));
  expect(index.all().map(({ firstSeq, bodiesShed }) => [firstSeq, bodiesShed])).toEqual([
    [1, true],
    [4, false],
    [6, false],
  ]);
});
