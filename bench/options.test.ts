import { expect, test } from "bun:test";
import { OptionError, readOptions } from "./options.ts";

test("the short form leaves out what takes long", () => {
  const names = readOptions(["--short"])?.cases.map(({ name }) => name);
  expect(names).toContain("calls-32");
  expect(names).not.toContain("streams-2000");
});

test("what runs on request only runs where it is named", () => {
  expect(readOptions([])?.cases.map(({ name }) => name)).not.toContain("soak");
  expect(readOptions(["--cases", "soak"])?.cases.map(({ name }) => name)).toEqual(["soak"]);
});

test("a case that doesn't exist is refused by name", () => {
  expect(() => readOptions(["--cases", "calls-1,calls-7"])).toThrow(new OptionError('There is no "calls-7".'));
});

test("a number that is none is refused", () => {
  expect(() => readOptions(["--seconds", "soon"])).toThrow(OptionError);
});
