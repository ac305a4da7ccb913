import { expect, test } from "bun:test";
import fc from "fast-check";
import { createJsonArraySplitter } from "./json-array.ts";

function splitAll(pieces: readonly Uint8Array[], maxElementBytes?: number) {
  const elements: unknown[] = [];
  const splitter = createJsonArraySplitter({ element: (text) => elements.push(JSON.parse(text)), maxElementBytes });
  for (const piece of pieces) splitter.push(piece);
  return { elements, isArray: splitter.isArray() };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const single = (all: Uint8Array) => Array.from(all, (_, index) => all.subarray(index, index + 1));

test("any array gives its elements, however it is written and split", () => {
  const indent = fc.constantFrom(undefined, 1, "\t");
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 6 }),
      indent,
      fc.integer({ min: 1, max: 9 }),
      (values, space, size) => {
        const all = bytes(`\r\n ${JSON.stringify(values, undefined, space)}\n`);
        const chunks = Array.from({ length: Math.ceil(all.length / size) }, (_, n) =>
          all.subarray(n * size, (n + 1) * size),
        );
        // As JSON has it: -0 is written as 0.
        const expected = { elements: JSON.parse(JSON.stringify(values)) as unknown[], isArray: true };
        expect(splitAll([all])).toEqual(expected);
        expect(splitAll(chunks)).toEqual(expected);
        expect(splitAll(single(all))).toEqual(expected);
      },
    ),
  );
});

test("brackets, commas and quotes inside of strings split nothing", () => {
  const values = [{ text: '],[{"\\"}' }, "a,b]", ["\\", '"', ["}"]]];
  expect(splitAll(single(bytes(JSON.stringify(values)))).elements).toEqual(values);
});

test("an element is given as soon as its last byte is there", () => {
  const seen: string[] = [];
  const splitter = createJsonArraySplitter({ element: (text) => seen.push(text) });
  splitter.push(bytes('[{"a":1'));
  expect(seen).toEqual([]);
  splitter.push(bytes("}"));
  expect(seen).toEqual(['{"a":1}']);
});

test("an array that was cut gives the elements that are whole", () => {
  expect(splitAll([bytes('[{"a":1},\n{"b":')])).toEqual({ elements: [{ a: 1 }], isArray: true });
});

test("a text that is no array says so and gives nothing", () => {
  expect(splitAll([bytes('\ufeff {"a":[1,2]}')])).toEqual({ elements: [], isArray: false });
  expect(splitAll([bytes(" \n")]).isArray).toBeUndefined();
});

test("what follows the array is left out", () => {
  expect(splitAll([bytes("[1] [2]"), bytes("[3]")]).elements).toEqual([1]);
});

test("an element that is too long is left out, and the next one is given", () => {
  const all = bytes(JSON.stringify(["x".repeat(100), "short", { long: "y".repeat(100) }, 3]));
  expect(splitAll([all], 50).elements).toEqual(["short", 3]);
  expect(splitAll(single(all), 50).elements).toEqual(["short", 3]);
});
