import { expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { endOfString, findMember, scanObject } from "./json-scan.ts";

function scanned(text: string): [string, unknown][] | undefined {
  const bytes = Buffer.from(text);
  return scanObject(bytes)?.map(({ key, start, end }) => [key, JSON.parse(bytes.toString("utf8", start, end))]);
}

test("the scanner finds what JSON.parse finds, whatever the object and its spacing", () => {
  const spaced = fc.tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, "\t", "\n  \r"));
  fc.assert(
    fc.property(spaced, ([object, indent]) => {
      const text = JSON.stringify(object, undefined, indent === "\n  \r" ? 3 : indent);
      const parsed: unknown = JSON.parse(text);
      const members = scanned(text);
      expect(members).toBeDefined();
      expect(members).toEqual(Object.entries(parsed as object));
    }),
  );
});

test("the scanner never throws and never reads past the end of a cut text", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(), (value, cut) => {
      const text = Buffer.from(JSON.stringify({ a: value, b: 1 }));
      const members = scanObject(text.subarray(0, cut % text.length));
      expect(members).toBeUndefined();
    }),
  );
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void scanObject(Buffer.from(bytes))));
});

test("the last of equal keys counts, an escaped key is the same key, and a BOM is no obstacle", () => {
  const text = Buffer.from('\uFEFF {"stream":false,"\\u0073tream" : true }');
  const member = findMember(scanObject(text) ?? [], "stream");
  expect(member && text.toString("utf8", member.start, member.end)).toBe("true");
});

test("brackets and quotes inside strings are only text", () => {
  expect(scanned('{"a":"}]\\"{","b":[{"c":"]"}],"d":{}}')).toEqual([
    ["a", '}]"{'],
    ["b", [{ c: "]" }]],
    ["d", {}],
  ]);
});

test("what is no object has no members to list", () => {
  for (const text of ["", "[]", "1", '"a"', '{"a"', '{"a":}', '{"a":1,}', "{a:1}", '{"a":1 "b":2}']) {
    expect(scanObject(Buffer.from(text))).toBeUndefined();
  }
});

test("a string is sought through natively once in 32 bytes at most, since each search has its cost", () => {
  const count = (text: string) => {
    const bytes = Buffer.from(`"${text}"`);
    const seek = spyOn(bytes, "indexOf");
    expect(endOfString(bytes, 0)).toBe(bytes.length);
    return seek.mock.calls.length;
  };
  expect(count('\\"'.repeat(50_000))).toBeLessThan(100_000 / 32);
  expect(count("a".repeat(50_000))).toBe(1);
  expect(count(`${"a".repeat(98)}\\"`.repeat(500))).toBe(500);
  expect(count("a".repeat(30))).toBe(0);
});
