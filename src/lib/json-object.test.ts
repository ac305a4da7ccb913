import { expect, test } from "bun:test";
import fc from "fast-check";
import { type JsonBounds, readJsonObject } from "./json-object.ts";

const wide = { values: 1_000, members: 100, name: 20 };

function read(text: string, bounds: Partial<JsonBounds> = {}) {
  const bytes = Buffer.from(text);
  const members = readJsonObject(bytes, { ...wide, ...bounds });
  if (typeof members === "string") return members;
  return members.map(({ key, start, end }): [string, unknown] => [key, JSON.parse(bytes.toString("utf8", start, end))]);
}

test("the members are those that JSON.parse finds, with white space and a BOM around the text too", () => {
  const spaced = fc.constantFrom("", " ", "\n\t", "\r\n");
  const objects = fc.dictionary(fc.string({ maxLength: 20 }), fc.jsonValue(), { maxKeys: 9 });
  fc.assert(
    fc.property(objects, fc.nat({ max: 4 }), spaced, (object, indent, space) => {
      const text = JSON.stringify(object, null, indent);
      const members = Object.entries<unknown>(JSON.parse(text));
      expect(read(space + text + space, { values: Infinity })).toEqual(members);
      expect(read(`\uFEFF${text}`, { values: Infinity })).toEqual(members);
    }),
  );
});

test("equal names are listed as often as they stand there, and escaped ones as what they mean", () => {
  expect(read('{"a":1,"\\u0061":2}')).toEqual([
    ["a", 1],
    ["a", 2],
  ]);
});

test.each(["", " ", "[]", "1", "null", "{", '{"a":1}}', '{"a":1} x', '{"a":1,}', '{"a" 1}', "{'a':1}", "{a:1}"])(
  "%s is no object and nothing else",
  (text) => {
    expect(read(text)).toBe("unreadable");
  },
);

test("a fault anywhere makes a text unreadable, in what stands deeper too", () => {
  for (const value of ["[1,]", "[1}", "01", "nul", '{"b"}', '"', "[".repeat(1_001) + "]".repeat(1_001)])
    expect([value, read(`{"a":${value},"b":1}`, { values: 2_000 })]).toEqual([value, "unreadable"]);
});

test("what goes beyond a bound is not looked at, whatever it is", () => {
  const rest = "][ neither this nor what follows is JSON";
  expect(read('{"a":[1,2],"b":{"c":3}}', { values: 6 })).toHaveLength(2);
  expect(read(`{"a":[1,2],"b":{"c":3${rest}`, { values: 4 })).toBe("excessive");
  expect(read('{"a":1,"b":2}', { members: 2 })).toHaveLength(2);
  expect(read(`{"a":1,"b":2,${rest}`, { members: 2 })).toBe("excessive");
  expect(read('{"abcd":1}', { name: 4 })).toEqual([["abcd", 1]]);
  for (const name of ["abcde", "\\u0061\\u0061\\u0061\\u0061\\u0061", "ä€äää"])
    expect([name, read(`{"${name}":1${rest}`, { name: 4 })]).toEqual([name, "excessive"]);
});
