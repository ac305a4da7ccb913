import { expect, test } from "bun:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { decode, decodeWhole } from "./decode.ts";

const lines = Array.from({ length: 5_000 }, (_, index) => `{"index":${index},"token":"${(index * 7919) % 10_007}"}`);
const plain = Buffer.from(lines.join("\n"));
const encoded = {
  gzip: gzipSync(plain),
  deflate: deflateSync(plain),
  br: brotliCompressSync(plain),
  zstd: zstdCompressSync(plain),
};

function textOf(decoded: ReturnType<typeof decode>) {
  return decoded && Buffer.from(decoded.bytes).toString();
}

test("every encoding that HTTP knows is undone", () => {
  for (const [name, bytes] of Object.entries(encoded)) {
    expect(textOf(decode(bytes, name))).toBe(plain.toString());
    expect(textOf(decode(bytes, ` ${name.toUpperCase()} `))).toBe(plain.toString());
  }
  expect(textOf(decode(encoded.gzip, "x-gzip"))).toBe(plain.toString());
  expect(textOf(decode(plain, "identity"))).toBe(plain.toString());
});

test("deflate is read with and without its zlib header", () => {
  expect(textOf(decode(deflateRawSync(plain), "deflate"))).toBe(plain.toString());
});

test("encodings in a row are undone from the last to the first", () => {
  expect(textOf(decode(brotliCompressSync(encoded.gzip), "gzip, br"))).toBe(plain.toString());
  expect(decode(brotliCompressSync(encoded.gzip), "br, gzip")).toBeUndefined();
});

test("of a body that was cut what came before the cut is given", () => {
  for (const [name, bytes] of Object.entries(encoded)) {
    const text = textOf(decode(bytes.subarray(0, Math.floor(bytes.length * 0.9)), name));
    expect(plain.toString().startsWith(text ?? "no")).toBe(true);
    expect(text?.length).toBeGreaterThan(plain.length / 2);
  }
});

test("a body of no bytes is empty", () => {
  for (const name of Object.keys(encoded)) expect(decode(new Uint8Array(), name)?.bytes).toHaveLength(0);
});

test("an unknown encoding, bytes that aren't what it says, and too many encodings give nothing", () => {
  expect(decode(plain, "compress")).toBeUndefined();
  expect(decode(plain, "gzip")).toBeUndefined();
  expect(decode(plain, "constructor")).toBeUndefined();
  expect(decode(plain, "identity,identity,identity,identity,identity")).toBeUndefined();
});

test("a body that unpacks to too much gives a beginning that isn't", () => {
  const decoded = decode(encoded.gzip, "gzip", plain.length / 2);
  expect(decoded?.whole).toBe(false);
  expect(decoded?.bytes.length).toBeGreaterThan(0);
  expect(decoded?.bytes.length).toBeLessThanOrEqual(plain.length / 2);
  expect(plain.toString().startsWith(textOf(decoded) ?? "no")).toBe(true);
});

test("a bomb gives nothing, or no more than the bound", () => {
  const bomb = gzipSync(gzipSync(Buffer.alloc(50_000_000)));
  const decoded = decode(bomb, "gzip, gzip", 100_000);
  expect(decoded?.bytes.length ?? 0).toBeLessThanOrEqual(100_000);
});

test("what comes out of a body is bounded by its size", () => {
  const bomb = brotliCompressSync(Buffer.alloc(8_000_000, 0x20));
  expect(decode(bomb, "br")).toBeUndefined();
  const large = gzipSync(Buffer.alloc(100_000_000, 0x20));
  expect(decode(large, "gzip")?.whole).toBe(false);
  expect(decode(large, "gzip")?.bytes.length).toBeLessThan(33_554_432);
});

test("one encoding is undone in one try, and all of it or nothing", () => {
  for (const [name, bytes] of Object.entries(encoded)) {
    expect(Buffer.from(decodeWhole(bytes, name, plain.length) ?? []).toString()).toBe(plain.toString());
    expect(decodeWhole(bytes, name, plain.length - 1)).toBeUndefined();
  }
  expect(decodeWhole(plain, "", plain.length)).toEqual(plain);
  expect(decodeWhole(gzipSync(encoded.gzip), "gzip, gzip", 1_000_000)).toBeUndefined();
  expect(decodeWhole(plain, "compress", 1_000_000)).toBeUndefined();
});
