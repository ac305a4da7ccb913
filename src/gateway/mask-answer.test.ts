import { brotliCompressSync, gunzipSync, gzipSync } from "node:zlib";
import { expect, test } from "bun:test";
import { maskAnswer } from "./mask-answer.ts";

const key = "sk-operatorSECRETKEY0001";
const error = `{"error":{"message":"Incorrect API key provided: Bearer ${key}, ${key}"}}`;
const stars = "*".repeat(key.length);
const masked = error.replaceAll(key, stars);

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (kept: Uint8Array) => new TextDecoder().decode(kept);

test("a key is masked wherever it stands in the copy, and the bytes that go down stay", () => {
  const head = bytes(error);
  const { kept } = maskAnswer({ kept: { head, total: head.length }, encoding: undefined }, ["other-key-0", key]);
  expect(text(kept.head)).toBe(masked);
  expect(kept.total).toBe(head.length);
  expect(text(head)).toBe(error);
});

test("the end of a longer answer is looked at too, and what was left out of it stays told", () => {
  const { kept } = maskAnswer(
    { kept: { head: bytes("a"), tail: bytes(`${key}.`), total: 500, passed: 7 }, encoding: undefined },
    [key],
  );
  expect({ ...kept, tail: text(kept.tail ?? bytes("")) }).toEqual({
    head: bytes("a"),
    tail: `${stars}.`,
    total: 500,
    passed: 7,
  });
});

test("an encoded answer that holds a key is kept decoded, any other as it came", () => {
  for (const [encoding, encode] of [
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
  ] as const) {
    const head = encode(error);
    const answer = maskAnswer({ kept: { head, total: head.length }, encoding }, [key]);
    expect([text(answer.kept.head).trimEnd(), answer.kept.total, answer.encoding]).toEqual([
      masked,
      head.length,
      undefined,
    ]);
    expect(answer.kept.head.length).toBeGreaterThanOrEqual(head.length);
    const plain = { kept: { head, total: head.length }, encoding };
    expect(maskAnswer(plain, ["another-key"])).toBe(plain);
  }
  const head = gzipSync(error);
  expect(gunzipSync(head).toString()).toBe(error);
  const odd = { kept: { head, total: head.length }, encoding: "odd" };
  expect(maskAnswer(odd, [key])).toBe(odd);
});

test("a short word that is sent as a key is left in the texts where it stands", () => {
  const answer = { kept: { head: bytes("no ollama here"), total: 14 }, encoding: undefined };
  expect(maskAnswer(answer, ["ollama", ""])).toBe(answer);
});
