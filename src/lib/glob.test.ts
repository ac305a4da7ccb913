import { expect, test } from "bun:test";
import fc from "fast-check";
import { compileGlobs } from "./glob.ts";

function matches(pattern: string, text: string): boolean {
  return compileGlobs([pattern]).matches(text);
}

/** What a pattern means, tried letter by letter. */
function reference(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  const [stars] = /^\*+/.exec(pattern) ?? [];
  if (stars === undefined) return text[0] === pattern[0] && text !== "" && reference(pattern.slice(1), text.slice(1));
  const rest = pattern.slice(stars.length);
  for (let end = 0; end <= text.length; end += 1) {
    if (stars.length === 1 && text.slice(0, end).includes("/")) return false;
    if (reference(rest, text.slice(end))) return true;
  }
  return false;
}

const letters = (from: string) => fc.string({ unit: fc.constantFrom(...from.split("")), maxLength: 9 });

test("a pattern matches what it means", () => {
  fc.assert(
    fc.property(letters("ab/**"), letters("ab/"), (pattern, text) => {
      expect(matches(pattern, text)).toBe(reference(pattern, text));
    }),
    { numRuns: 20_000 },
  );
});

test("of several patterns one is enough, and none match nothing", () => {
  fc.assert(
    fc.property(fc.array(letters("ab/*"), { maxLength: 4 }), letters("ab/"), (patterns, text) => {
      expect(compileGlobs(patterns).matches(text)).toBe(patterns.some((pattern) => reference(pattern, text)));
    }),
  );
});

test("every character but the star is itself, and case counts", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (one, other) => {
      if (!one.includes("*")) expect(matches(one, other)).toBe(one === other);
      expect(matches(`${one.replaceAll("*", "")}**`, one.replaceAll("*", "") + other)).toBe(true);
    }),
  );
  expect(matches("gpt-4.1-*", "gpt-4.1-mini")).toBe(true);
  expect(matches("gpt-4.1-*", "gpt-421-mini")).toBe(false);
  expect(matches("gpt-4.1-*", "GPT-4.1-mini")).toBe(false);
  expect(matches("gpt-?o", "gpt-4o")).toBe(false);
  expect(matches("gpt-[4]o", "gpt-[4]o")).toBe(true);
});

test("one star stays between slashes, two go over them", () => {
  expect(matches("openai/*", "openai/gpt-4o")).toBe(true);
  expect(matches("openai/*", "openai/gpt-4o/free")).toBe(false);
  expect(matches("*", "openai/gpt-4o")).toBe(false);
  expect(matches("openai/**", "openai/gpt-4o/free")).toBe(true);
  expect(matches("**", "")).toBe(true);
});

test("only two stars alone match whatever there is", () => {
  expect(["**", "***", "*", "**a", "*/**", ""].map((pattern) => compileGlobs([pattern]).anything)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test("no text makes a pattern try again and again", () => {
  const text = `${"a".repeat(500_000)}/${"a/".repeat(250_000)}`;
  expect(matches("*a*a*a*a*a*a*b", text)).toBe(false);
  expect(matches("**a**a*a**a*a/x*", text)).toBe(false);
  expect(matches("**a*/**a**", text)).toBe(true);
});
