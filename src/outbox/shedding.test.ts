import { expect, test } from "bun:test";
import type { Segment } from "./segment.ts";
import { nextToShed } from "./shedding.ts";

function makeSegment(firstSeq: number, about: Partial<Segment> = {}): Segment {
  return {
    firstSeq,
    lastSeq: firstSeq,
    at: 0,
    kind: "exchange",
    rawSize: 1000,
    bytes: 100,
    bodiesShed: false,
    ...about,
  };
}

const refusal = { kind: "refusal" } as const;
const bare = { bodiesShed: true };

test("refusals go before anything else, wherever they lie", () => {
  const shed = nextToShed(
    [makeSegment(1), makeSegment(2, refusal), makeSegment(3, bare), makeSegment(4, refusal), makeSegment(5, refusal)],
    150,
  );
  expect(shed?.kind).toBe("drop");
  expect(shed?.segments.map(({ firstSeq }) => firstSeq)).toEqual([2, 4]);
});

test("bodies go before records, the oldest first, and a little at a time", () => {
  const segments = [
    makeSegment(1, bare),
    makeSegment(2, { bytes: 900_000 }),
    makeSegment(3, { bytes: 900_000 }),
    makeSegment(4),
  ];
  const shed = nextToShed(segments, 50_000_000);
  expect(shed?.kind).toBe("strip");
  expect(shed?.segments.map(({ firstSeq }) => firstSeq)).toEqual([2, 3]);
});

test("where nothing else is left, the oldest records go", () => {
  const shed = nextToShed([makeSegment(1, bare), makeSegment(2, bare), makeSegment(3, bare)], 101);
  expect(shed).toMatchObject({ kind: "drop", segments: [{ firstSeq: 1 }, { firstSeq: 2 }] });
  expect(nextToShed([], 1)).toBeUndefined();
});
