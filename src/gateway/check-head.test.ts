import { expect, test } from "bun:test";
import { Refusal } from "../domain/refusal.ts";
import { checkHead } from "./check-head.ts";

function codeOf(headers: Readonly<Record<string, string>>): string | undefined {
  try {
    checkHead(headers);
    return undefined;
  } catch (error) {
    return error instanceof Refusal ? error.code : "no refusal";
  }
}

test("names and values may add up to 64 KB", () => {
  expect(codeOf({ a: "x".repeat(65_535) })).toBeUndefined();
  expect(codeOf({ a: "x".repeat(65_536) })).toBe("headers_too_large");
  expect(codeOf(Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`x-${n}`, "x".repeat(70)])))).toBe(
    "headers_too_large",
  );
});

test("a host or a length that came twice is refused, other names may", () => {
  expect(codeOf({ host: "a, a" })).toBe("head_invalid");
  expect(codeOf({ host: "a", "content-length": "2, 2" })).toBe("head_invalid");
  expect(codeOf({ host: "a:1", "content-length": "2", accept: "a, b" })).toBeUndefined();
});
