import { expect, test } from "bun:test";
import fc from "fast-check";
import { readJsonEnd } from "./json-end.ts";

test("members that stand whole at the end are read", () => {
  const text = JSON.stringify({ a: "x".repeat(50), b: [1, { c: "}" }], d: '"],\\' });
  expect(readJsonEnd(text.slice(20))).toEqual({ members: { b: [1, { c: "}" }], d: '"],\\' }, elements: [] });
  expect(readJsonEnd(`${text.slice(-15)}\n`)?.members).toEqual({ d: '"],\\' });
});

test("of an array in which the text begins, the elements that stand whole are read", () => {
  const messages = ["first", "second", "third"].map((content) => ({ role: "user", content }));
  const text = JSON.stringify({ model: "m", messages, stream: true });
  for (const from of [text.indexOf("first"), text.indexOf('"content":"first')]) {
    expect(readJsonEnd(text.slice(from))).toEqual({ members: { stream: true }, elements: messages.slice(1) });
  }
});

test("an array further in, or one that is whole, gives no elements", () => {
  const text = JSON.stringify({ a: { b: [1, 2, 3] }, c: [4, 5] });
  expect(readJsonEnd(text.slice(text.indexOf("2")))).toEqual({ members: { c: [4, 5] }, elements: [] });
});

test("what does not end as an object gives nothing", () => {
  for (const text of ["", '"a":1', '{"a":1}, {"b"', "[1,2]", "}}x", '"open', "null"])
    expect(readJsonEnd(text)).toBeUndefined();
});

test("from wherever an object's end is read, it says nothing that the object doesn't", () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
  fc.assert(
    fc.property(object, fc.double({ min: 0, max: 1, noNaN: true }), (value, share) => {
      const text = JSON.stringify(value);
      // The whole text has no beginning missing.
      const { members, elements } = readJsonEnd(text.slice(1 + Math.floor(share * (text.length - 1)))) ?? {
        members: {},
        elements: [],
      };
      const original = new Map(Object.entries(JSON.parse(text) as object));
      for (const [name, member] of Object.entries(members)) expect(member).toEqual(original.get(name));
      const lists = [...original.values()].filter((member) => Array.isArray(member));
      if (elements.length > 0) expect(lists.map((list) => list.slice(-elements.length))).toContainEqual([...elements]);
    }),
  );
});

test("hostile nesting costs no more than its length", () => {
  for (const text of [
    `${"]".repeat(500_000)}}`,
    "}".repeat(500_000),
    `${'"'.repeat(500_001)}}`,
    `${'\\"'.repeat(250_000)}"}`,
  ]) {
    expect(() => readJsonEnd(text)).not.toThrow();
  }
});
