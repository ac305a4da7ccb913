import { expect, test } from "bun:test";
import fc from "fast-check";
import { createLineReader } from "./lines.ts";

function read(pieces: readonly (Uint8Array | "gap")[], maxLineChars?: number) {
  const lines: string[] = [];
  const fragments: string[] = [];
  const reader = createLineReader({
    line: (text) => lines.push(text),
    fragment: (text) => fragments.push(text),
    maxLineChars,
  });
  for (const piece of pieces) {
    if (piece === "gap") reader.gap();
    else reader.push(piece);
  }
  reader.end();
  return { lines, fragments };
}

const bytes = (text: string) => new TextEncoder().encode(text);

test("lines that say something are given, the last one too where nothing ends it", () => {
  expect(read([bytes('{"a":1}\r\n\n  \n{"b":2}')]).lines).toEqual(['{"a":1}', '{"b":2}']);
});

test("it makes no difference where the bytes are split", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("ä€𝄞", "x", "\n", "\r\n"), { maxLength: 20 }), (parts) => {
      const all = bytes(parts.join(""));
      const single = Array.from(all, (_, index) => all.subarray(index, index + 1));
      expect(read(single)).toEqual(read([all]));
    }),
  );
});

test("a line that is too long is dropped, and the next one is read", () => {
  expect(read([bytes("x".repeat(60)), bytes(`${"x".repeat(60)}\nnext\n`)], 100).lines).toEqual(["next"]);
});

test("after a gap reading goes on with the next whole line, and the end of the cut one is told", () => {
  const told = read([bytes("a\ncut he"), "gap", bytes("re\nb\n")]);
  expect(told).toEqual({ lines: ["a", "b"], fragments: ["re"] });
});
