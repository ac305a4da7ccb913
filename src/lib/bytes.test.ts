import { expect, test } from "bun:test";
import { decodeBytes, findBytes } from "./bytes.ts";

/** As the runtime gives it: no buffer. */
const read = () => new Response('é {"stream":true} é').bytes();

test("bytes that are no buffer say what a buffer of them says", async () => {
  const bytes = await read();
  expect(Buffer.isBuffer(bytes)).toBe(false);
  expect(decodeBytes(bytes, "utf8")).toBe('é {"stream":true} é');
  expect(decodeBytes(bytes, "utf8", 0, 2)).toBe("é");
  expect(decodeBytes(bytes, "latin1", 0, 2)).toBe("Ã©");
  expect(decodeBytes(bytes, "latin1", 5, 11)).toBe("stream");
  expect(decodeBytes(bytes, "utf8", 5, 5)).toBe("");
});

test("bytes are found where they stand", async () => {
  const bytes = await read();
  const wanted = Buffer.from("é");
  expect(findBytes(bytes, wanted)).toBe(0);
  expect(findBytes(bytes, wanted, 1)).toBe(bytes.length - 2);
  expect(findBytes(bytes, wanted, bytes.length)).toBe(-1);
  expect(findBytes(bytes, Buffer.from("streams"))).toBe(-1);
  expect(findBytes(bytes.subarray(3), Buffer.from("stream"))).toBe(2);
});
