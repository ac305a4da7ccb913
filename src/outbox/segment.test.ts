import { expect, test } from "bun:test";
import fc from "fast-check";
import { packSegment, splitLines, toLine, unpackSegment } from "./segment.ts";

const line = fc.record({ id: fc.string({ unit: "binary" }), json: fc.json() });
const about = { firstSeq: 5, at: 0, kind: "exchange", bodiesShed: false } as const;

test("lines come out of a segment as they went in, numbered from its first", () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1 }), (lines) => {
      const kept = lines.map(toLine);
      const { segment, payload } = packSegment(about, kept);
      const records = unpackSegment(segment, payload);
      // Text that is no valid Unicode can't be kept as UTF-8.
      expect(records?.map(({ id, json }) => ({ id, json }))).toEqual(
        kept.map(({ id, json }) => ({ id: id.toWellFormed(), json: json.toWellFormed() })),
      );
      expect(records?.map(({ seq }) => seq)).toEqual(lines.map((_, at) => 5 + at));
    }),
  );
});

test("a damaged payload gives nothing, and never throws", () => {
  const { segment, payload } = packSegment(about, [
    { id: "x", json: `{"text":"${"much more than there is noise. ".repeat(3)}"}` },
  ]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      expect(unpackSegment(segment, noise)).toBeUndefined();
    }),
  );
  expect(unpackSegment({ ...segment, lastSeq: segment.lastSeq + 1 }, payload)).toBeUndefined();
});

test("what is short is stored as it is, what is long takes less room", () => {
  for (const characters of [10, 4000, 5000, 100_000]) {
    const lines = [{ id: "x", json: JSON.stringify("ä".repeat(characters)) }];
    const { segment, payload } = packSegment(about, lines);
    expect(unpackSegment(segment, payload)).toMatchObject(lines);
    expect(payload.length > characters).toBe(characters < 4096);
  }
});

test("lines are split into runs of bounded count and size, in their order", () => {
  const small = Array.from({ length: 600 }, (_, at) => ({ id: String(at), json: "{}" }));
  expect(splitLines(small).map((run) => run.length)).toEqual([256, 256, 88]);
  const large = Array.from({ length: 5 }, (_, at) => ({ id: String(at), json: "j".repeat(600_000) }));
  expect(splitLines(large).map((run) => run.length)).toEqual([1, 1, 1, 1, 1]);
  expect(splitLines(small).flat()).toEqual(small);
  expect(splitLines([])).toEqual([]);
});
