import { describe, expect, test } from "bun:test";
import { Refusal } from "../domain/refusal.ts";
import type { HeaderValues } from "./arrival.ts";
import { checkHead, checkUpgrade } from "./check-head.ts";

function refusalOf(headers: HeaderValues, check: (headers: HeaderValues) => void): Refusal | undefined {
  try {
    check(headers);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

const codeOf = (headers: HeaderValues) => refusalOf(headers, checkHead)?.code;

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

describe("an opening of a WebSocket", () => {
  const opening = { "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
  const refusal = (different: HeaderValues) => refusalOf({ ...opening, ...different }, checkUpgrade);

  test("passes with names of subprotocols or without", () => {
    expect(refusal({})).toBeUndefined();
    for (const offered of ["realtime", "realtime, openai-insecure-api-key.sk-a_b, openai-beta.realtime-v1", "a ,b"])
      expect([offered, refusal({ "sec-websocket-protocol": offered })]).toEqual([offered, undefined]);
  });

  test("is refused where its key, its version or a subprotocol is none", () => {
    const wrong = {
      "sec-websocket-protocol": ["", ",", "a,", "a, a", "a b", "a/b", "a=b", "é"],
      "sec-websocket-key": [
        "",
        "abc",
        "!!!!!!!!!!!!!!!!!!!!!!==",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
      ],
      "sec-websocket-version": ["", "x", "13, 13", "1300"],
    };
    for (const [name, values] of Object.entries(wrong))
      for (const value of values) {
        const { status, code } = refusal({ [name]: value }) ?? {};
        expect([name, value, status, code]).toEqual([name, value, 400, "head_invalid"]);
      }
    expect(refusalOf({ "sec-websocket-version": "13" }, checkUpgrade)?.status).toBe(400);
  });

  test("of another version is told which one is spoken here", () => {
    for (const version of ["8", "7", "013", "255"])
      expect(refusal({ "sec-websocket-version": version })).toMatchObject({
        status: 426,
        headers: { "sec-websocket-version": "13" },
      });
  });
});
