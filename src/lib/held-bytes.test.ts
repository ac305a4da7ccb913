import { expect, test } from "bun:test";
import { createHeldBytes } from "./held-bytes.ts";

test("chunks are given as one, in order", () => {
  const held = createHeldBytes(10);
  held.push(new Uint8Array([1, 2]));
  held.push(new Uint8Array([3]));
  expect([...held.bytes()]).toEqual([1, 2, 3]);
  expect(held.missing()).toBe(0);
});

test("a single chunk isn't copied", () => {
  const chunk = new Uint8Array([1, 2]);
  const held = createHeldBytes(10);
  held.push(chunk);
  expect(held.bytes()).toBe(chunk);
});

test("from the first chunk that is too much nothing is kept, but counted", () => {
  const held = createHeldBytes(3);
  held.push(new Uint8Array(2));
  held.push(new Uint8Array(2));
  held.push(new Uint8Array(1));
  expect(held.bytes()).toHaveLength(2);
  expect(held.missing()).toBe(3);
});
