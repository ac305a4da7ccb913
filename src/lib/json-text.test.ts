import { expect, test } from "bun:test";
import fc from "fast-check";
import { skipSpace } from "./json-scan.ts";
import { endOfJson } from "./json-text.ts";

function isJsonText(bytes: Buffer): boolean {
  const end = endOfJson(bytes, skipSpace(bytes, 0), { left: Number.POSITIVE_INFINITY });
  return end !== undefined && skipSpace(bytes, end) === bytes.length;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const spaced = fc.constantFrom("", " ", "\n\t", "\r\n");
const texts = fc.tuple(fc.jsonValue(), fc.nat({ max: 4 }), spaced).map(([value, indent, space]) => {
  return space + JSON.stringify(value, null, indent) + space;
});

test("what JSON.stringify writes is JSON, with white space around it too", () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(isJsonText(Buffer.from(text))).toBe(true);
    }),
  );
});

test("what JSON.parse refuses is no JSON, wherever its fault is", () => {
  // Without letters inside of strings, which are not looked at.
  const piece = fc.constantFrom(..."{}[],:01-+.eE \n".split(""), "true", "null", "fals", '""', '"a"', "'", "//", "a");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
      const text = pieces.join("");
      expect([text, isJsonText(Buffer.from(text))]).toEqual([text, parses(text)]);
    }),
    { numRuns: 50_000 },
  );
});

test("a valid text with one character changed, added or left out is JSON where JSON.parse says so", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(), fc.constantFrom("", ..."{}[],:0-.e x'".split("")), (value, where, put) => {
      const text = JSON.stringify(value, (_, member: unknown) => (typeof member === "string" ? "s" : member));
      // What strings hold is not looked at, and half of an escape in a key would be a fault in one.
      fc.pre(!text.includes("\\"));
      const at = where % (text.length + 1);
      for (const end of [at, at + 1]) {
        const changed = text.slice(0, at) + put + text.slice(end);
        expect([changed, isJsonText(Buffer.from(changed))]).toEqual([changed, parses(changed)]);
      }
    }),
  );
});

test.each([
  "",
  " ",
  "{",
  '{"a":1}}',
  '{"a":1,}',
  "[1,]",
  '{"a" 1}',
  "{'a':1}",
  "{a:1}",
  "[1}",
  "01",
  "1.",
  "+1",
  "NaN",
  '"',
])("%s is no JSON", (text) => {
  expect(isJsonText(Buffer.from(text))).toBe(false);
});

test("a text that is nested too deeply is none, at no cost", () => {
  expect(isJsonText(Buffer.from("[".repeat(1_000) + "]".repeat(1_000)))).toBe(true);
  expect(isJsonText(Buffer.from("[".repeat(1_001) + "]".repeat(1_001)))).toBe(false);
  expect(isJsonText(Buffer.from("[".repeat(5_000_000)))).toBe(false);
});

test("values are counted at any depth, and no more than so many are looked at", () => {
  const text = Buffer.from('[1,"a,b",{"c":[null]},[]] and more');
  const read = (left: number) => endOfJson(text, 0, { left });
  expect([read(6), read(7)]).toEqual([undefined, text.indexOf(" and")]);
});
