import { expect, test } from "bun:test";
import { findMerge } from "./compaction.ts";
import type { Segment } from "./segment.ts";

function makeSegments(abouts: readonly Partial<Segment & { records: number }>[]): Segment[] {
  let next = 1;
  return abouts.map(({ records = 1, ...about }) => {
    const firstSeq = next;
    next += records;
    return {
      firstSeq,
      lastSeq: next - 1,
      at: 0,
      kind: "exchange",
      rawSize: 1000,
      bytes: 100,
      bodiesShed: false,
      ...about,
    };
  });
}

function mergesOf(segments: readonly Segment[]): number[][] {
  const merges: number[][] = [];
  let from = 0;
  for (;;) {
    const { run, next } = findMerge(segments, { from, before: 1e9 });
    if (run.length === 0) return merges;
    merges.push(run.map(({ firstSeq }) => firstSeq));
    from = next;
  }
}

test("neighbours are merged until a segment is full, and the last run is left to grow", () => {
  const segments = makeSegments(Array.from({ length: 7 }, () => ({ records: 100 })));
  expect(mergesOf(segments)).toEqual([
    [1, 101],
    [201, 301],
    [401, 501],
  ]);
  const large = makeSegments(Array.from({ length: 5 }, () => ({ rawSize: 120_000 })));
  expect(mergesOf(large)).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test("segments of different kinds, for different sinks, of different age or with a gap between stay apart", () => {
  const end = { rawSize: 1e9 };
  expect(mergesOf(makeSegments([{}, { kind: "refusal" }, end]))).toEqual([]);
  expect(mergesOf(makeSegments([{}, { sink: "a" }, end]))).toEqual([]);
  expect(mergesOf(makeSegments([{}, { bodiesShed: true }, end]))).toEqual([]);
  expect(mergesOf(makeSegments([{}, { at: 61_000 }, { ...end, at: 61_000 }]))).toEqual([]);
  const [first, , third, last] = makeSegments([{}, {}, {}, end]);
  expect(mergesOf([first, third, last].filter((segment) => segment !== undefined))).toEqual([]);
  expect(mergesOf(makeSegments([{}, {}, {}, end]))).toEqual([[1, 2, 3]]);
});

test("what was appended just now is left alone", () => {
  const segments = makeSegments([{ at: 1 }, { at: 2 }, { at: 100 }, { at: 101, rawSize: 1e9 }]);
  expect(findMerge(segments, { from: 0, before: 50 }).run).toEqual([]);
  expect(findMerge(segments, { from: 0, before: 200 }).run).toHaveLength(3);
});

test("refusals are merged with exchanges where the index would else grow without bound", () => {
  const segments = makeSegments(
    Array.from({ length: 20_001 }, (_, at) => ({ kind: at % 2 === 0 ? "exchange" : "refusal" })),
  );
  expect(findMerge(segments, { from: 0, before: 1e9 }).run).toHaveLength(256);
  expect(findMerge(segments.slice(1), { from: 0, before: 1e9 }).run).toEqual([]);
});
