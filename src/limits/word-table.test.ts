import { expect, test } from "bun:test";
import fc from "fast-check";
import { createWordTable } from "./word-table.ts";

test("a word is found by its bytes and by no others, those of a longer one least of all", () => {
  const table = createWordTable([
    ["a", 1],
    ["model", 2],
  ]);
  const find = (text: string) => {
    const bytes = Buffer.from(`x${text}x`);
    return table.find(bytes, 1, bytes.length - 1)?.meaning;
  };
  expect([find("a"), find("model")]).toEqual([1, 2]);
  for (let length = 2; length < 2_000; length += 1) expect(find("a".repeat(length))).toBeUndefined();
  expect([find(""), find("mode"), find("moDel"), find("modelx")]).toEqual([undefined, undefined, undefined, undefined]);
});

test("as many words as there may be are all found", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: "binary", minLength: 1 }), { maxLength: 300 }), (words) => {
      const table = createWordTable(words.map((word, at) => [word, at]));
      for (const [at, word] of words.entries()) {
        const bytes = Buffer.from(word);
        expect(table.find(bytes, 0, bytes.length)).toMatchObject({ name: word, meaning: at });
      }
    }),
    { numRuns: 10 },
  );
});
