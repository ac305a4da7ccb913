import { expect, test } from "bun:test";
import { createOutputAverages } from "./output-averages.ts";

test("an average is that of the model's answers, at one provider", () => {
  const averages = createOutputAverages();
  for (const output of [10, 20, 33]) averages.learn("openai", "gpt-4o", output);
  expect(averages.find("openai", "gpt-4o")).toBe(21);
  expect(averages.find("azure", "gpt-4o")).toBeUndefined();
  expect(averages.find("openai", undefined)).toBeUndefined();
});

test("an average follows a model that changes its ways", () => {
  const averages = createOutputAverages();
  for (let n = 0; n < 10_000; n += 1) averages.learn("openai", "gpt-4o", 10);
  for (let n = 0; n < 200; n += 1) averages.learn("openai", "gpt-4o", 1_000);
  expect(averages.find("openai", "gpt-4o")).toBeGreaterThan(900);
});

test("an answer without output, or with none that can be counted, tells nothing", () => {
  const averages = createOutputAverages();
  for (const output of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) averages.learn("openai", "gpt-4o", output);
  expect(averages.find("openai", "gpt-4o")).toBeUndefined();
});

test("names that consumers make up push out only what was not asked for longest", () => {
  const averages = createOutputAverages();
  averages.learn("openai", "gpt-4o", 10);
  averages.learn("openai", "gpt-5", 10);
  for (let n = 0; n < 3_000; n += 1) {
    averages.learn("openai", `made up ${n}`, 1);
    averages.find("openai", "gpt-4o");
  }
  expect(averages.find("openai", "gpt-4o")).toBe(10);
  expect(averages.find("openai", "gpt-5")).toBeUndefined();
});
