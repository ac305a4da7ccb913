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
  expect(codeOf({ host: "h", a: "x".repeat(65_530) })).toBeUndefined();
  expect(codeOf({ a: "x".repeat(65_536) })).toBe("headers_too_large");
  expect(codeOf(Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`x-${n}`, "x".repeat(70)])))).toBe(
    "headers_too_large",
  );
});

test("without a host that is one nothing is let through, since the path's beginning would be taken for it", () => {
  for (const host of ["", "a b", "h?", "h#", "u:p@h", "a/../..", "a\\b", "a:b", "[::1", "%61"])
    expect([host, codeOf({ host })]).toEqual([host, "head_invalid"]);
  expect(codeOf({})).toBe("head_invalid");
  for (const host of [
    "h",
    "h:80",
    "h:",
    "api.example.com.",
    "a_b-c",
    "10.0.0.1:8080",
    "[::1]:3000",
    "xn--bcher-kva.example",
  ])
    expect([host, codeOf({ host })]).toEqual([host, undefined]);
});

test("a host or a length that came twice is refused, other names may", () => {
  expect(codeOf({ host: "a, a" })).toBe("head_invalid");
  expect(codeOf({ host: "a", "content-length": "2, 2" })).toBe("head_invalid");
  expect(codeOf({ host: "a:1", "content-length": "2", accept: "a, b" })).toBeUndefined();
});
