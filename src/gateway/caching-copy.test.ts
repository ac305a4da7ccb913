import { expect, test } from "bun:test";
import { copyReader, type PassedBody } from "./caching-copy.ts";

const readerOf = (
  pieces: readonly string[],
  end: () => Promise<{ done: true }> = () => Promise.resolve({ done: true }),
) => {
  const waiting = pieces.map((piece) => Buffer.from(piece));
  return {
    read: () => {
      const value = waiting.shift();
      return value ? Promise.resolve({ done: false, value }) : end();
    },
    cancel: () => Promise.resolve(),
  };
};

async function pass(pieces: readonly string[], maxBytes: number, end?: () => Promise<{ done: true }>) {
  const ends: (PassedBody | undefined)[] = [];
  const copy = copyReader({
    reader: readerOf(pieces, end),
    maxBytes,
    headAt: -7,
    elapsed: () => 0,
    onEnd: (passed) => ends.push(passed),
  });
  const seen: string[] = [];
  try {
    for (let read = await copy.read(); read.value; read = await copy.read())
      seen.push(Buffer.from(read.value).toString());
  } catch {
    seen.push("broken");
  }
  return { ends, seen, copy };
}

test("a copy is whole only once everything has passed", async () => {
  const { ends, seen } = await pass(["ab", "c"], 3);
  expect(seen).toEqual(["ab", "c"]);
  expect(ends.map((end) => [Buffer.from(end?.body ?? []).toString(), end?.pieces])).toEqual([["abc", [2, 1]]]);
  expect(ends[0]?.pauses).toEqual([7, 0]);
});

test("what is too large passes and leaves no copy", async () => {
  expect(await pass(["ab", "cd", "e"], 3)).toMatchObject({ ends: [undefined], seen: ["ab", "cd", "e"] });
});

test("what breaks off leaves no copy, and breaks for its reader too", async () => {
  const { ends, seen } = await pass(["ab"], 9, () => Promise.reject(new Error("reset")));
  expect([ends, seen]).toEqual([[undefined], ["ab", "broken"]]);
});

test("what is given up leaves no copy, though it ends afterwards", async () => {
  const ends: unknown[] = [];
  const copy = copyReader({
    reader: readerOf(["ab"]),
    maxBytes: 9,
    headAt: 0,
    elapsed: () => 0,
    onEnd: (passed) => ends.push(passed),
  });
  await copy.read();
  await copy.cancel();
  await copy.read();
  expect(ends).toEqual([undefined]);
});
