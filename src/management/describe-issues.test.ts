import { expect, test } from "bun:test";
import { z } from "zod";
import { describeIssues } from "./describe-issues.ts";

const schema = z.strictObject({
  name: z.string().min(1, "must not be empty"),
  count: z.int().optional(),
  kind: z.enum(["one", "two"]).optional(),
  inner: z.strictObject({ flag: z.boolean() }).optional(),
  names: z.record(z.string().max(3, "must have a short name"), z.string()).optional(),
});

function describe(value: unknown): string {
  return describeIssues(schema.safeParse(value).error?.issues ?? [], "field");
}

test("each thing that is wrong is named, with what would be right", () => {
  expect(describe({})).toBe("name is required");
  expect(describe({ name: "" })).toBe("name must not be empty");
  expect(describe({ name: 7, count: "x" })).toBe(
    "name must be of type string, not number; count must be of type number, not string",
  );
  expect(describe({ name: "a", kind: "three" })).toBe('kind must be one of "one", "two"');
  expect(describe({ name: "a", inner: {} })).toBe("inner.flag is required");
  expect(describe({ name: "a", names: { long: "x" } })).toBe("names.long must have a short name");
  expect(describe([])).toBe("it must be of type object, not array");
  expect(describe(null)).toBe("it must be of type object, not null");
});

test("a name that nobody knows is told, wherever it stands", () => {
  expect(describe({ name: "a", nme: 1, inner: { flag: true, other: 1 } })).toBe(
    "unknown field inner.other; unknown field nme",
  );
});

test("values are never told, and names are kept short and on one line", () => {
  const secret = "sk-proj-0123456789abcdef";
  expect(describe({ name: "a", kind: secret, count: secret, inner: secret, names: secret })).not.toContain(secret);
  expect(describe({ name: "a", ["x\n\u202e".repeat(200)]: 1 })).toMatch(/^unknown field [x?]{60}…$/);
});

test("of many things the first few are told", () => {
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`field${index}`, 1]));
  expect(describe({ name: "a", ...many })).toEndWith("unknown field field4; and 45 more");
});
