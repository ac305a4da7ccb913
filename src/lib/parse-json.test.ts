import { expect, test } from "bun:test";
import { parseJson } from "./parse-json.ts";

test("JSON of any size is parsed, and what is none gives nothing", () => {
  const long = { prompt: '[{\\"'.repeat(100_000), list: Array.from({ length: 50_000 }, (_, n) => ({ n })) };
  expect(parseJson(JSON.stringify(long))).toEqual(long);
  expect(parseJson('{"a":1}')).toEqual({ a: 1 });
  expect(parseJson(`{"a":"${"x".repeat(20_000)}`)).toBeUndefined();
});

test("a long text that is nested too deeply, or holds too many values, isn't parsed", () => {
  for (const depth of [10_000, 1_000_000]) {
    expect(parseJson(`${"[".repeat(depth)}${"]".repeat(depth)}`)).toBeUndefined();
    expect(parseJson(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`)).toBeUndefined();
  }
  expect(parseJson(`[${"0,".repeat(400_000)}0]`)).toHaveLength(400_001);
  expect(parseJson(`[${"0,".repeat(600_000)}0]`)).toBeUndefined();
});
