import { expect, test } from "bun:test";
import { readAllowedModels } from "./model-option.ts";

const forNew = (...written: readonly string[]) => readAllowedModels(written, { isNew: true });
const forOld = (...written: readonly string[]) => readAllowedModels(written, { isNew: false });

test("models are those that are named", () => {
  expect(forNew("gpt-4o*", "o3")).toEqual(["gpt-4o*", "o3"]);
  expect(forOld("o3")).toEqual(["o3"]);
  expect(forNew("gpt-4o, gpt-4o-mini", "o3")).toEqual(["gpt-4o", "gpt-4o-mini", "o3"]);
  for (const isNew of [true, false]) expect(readAllowedModels(undefined, { isNew })).toBeUndefined();
});

test("an empty text never gives a new token every model", () => {
  for (const written of [[""], [" "], ["", "o3"], ["o3,"], [","]])
    expect(() => forNew(...written)).toThrow(/^--allowed-model must not be empty: .* leave the option out/);
});

test("an empty text alone takes the list of a token away", () => {
  expect(forOld("")).toBeNull();
  for (const written of [["", "o3"], ["", ""], [","]])
    expect(() => forOld(...written)).toThrow(/^--allowed-model must not be empty: .* nothing but --allowed-model ''/);
});
