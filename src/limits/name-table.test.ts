import { expect, test } from "bun:test";
import fc from "fast-check";
import { createNameTable } from "./name-table.ts";

const read = (names: ReturnType<typeof createNameTable>, text: string) => {
  const bytes = Buffer.from(`"${text}"`);
  return names.read(bytes, { start: 1, end: bytes.length - 1 });
};

test("names are what they say, whatever was read before them", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme", maxLength: 80 }), { maxLength: 600 }), (texts) => {
      const names = createNameTable();
      for (const text of [...texts, ...texts]) {
        const escaped = JSON.stringify(text).slice(1, -1);
        expect(read(names, escaped)).toBe(text === "" ? undefined : text);
      }
    }),
    { numRuns: 20 },
  );
});

test("names that share a place in the table are told apart", () => {
  const names = createNameTable();
  // As long as each other, with the same first and last letter.
  for (const name of ["gpt-4o-mini", "gpt-4a-mini", "gpt-4o-mini", "gpt-4i-mini"]) expect(read(names, name)).toBe(name);
});

test("a name whose bytes are used for something else afterwards stays what it was", () => {
  const names = createNameTable();
  const bytes = Buffer.from("gpt-4o");
  expect(names.read(bytes, { start: 0, end: 6 })).toBe("gpt-4o");
  bytes.write("gpt-5o");
  expect(names.read(bytes, { start: 0, end: 6 })).toBe("gpt-5o");
  expect(read(names, "gpt-4o")).toBe("gpt-4o");
});

test("what is escaped is read, and what is no JSON says nothing", () => {
  const names = createNameTable();
  for (let times = 0; times < 2; times += 1) {
    expect(read(names, "\\u0067pt")).toBe("gpt");
    expect(read(names, "\\x")).toBeUndefined();
  }
});
