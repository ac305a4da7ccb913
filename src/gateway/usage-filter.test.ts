import { expect, test } from "bun:test";
import fc from "fast-check";
import { createUsageFilter } from "./usage-filter.ts";

const first = 'data: {"id":"c","choices":[{"index":0,"delta":{"content":"dzień \\"choices\\":[] "}}],"usage":null}';
const azure = 'data: {"id":"c","choices":[],"prompt_filter_results":[{}],"usage":null}';
const usage = 'data: {"id":"c", "choices" : [ ] ,"usage":{"total_tokens":3}}';
const odd = ": comment";
const done = "data: [DONE]";

function filtered(bytes: Uint8Array, cuts: readonly number[]): string {
  const filter = createUsageFilter();
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  const out = places.slice(1).map((end, index) => filter.push(bytes.subarray(places[index], end)));
  return Buffer.concat([...out, filter.end()]).toString();
}

test("only the usage event goes, wherever the stream is cut and however its lines end", () => {
  const lineEnds = fc.constantFrom("\n", "\r\n", "\r");
  const cuts = fc.array(fc.nat(), { maxLength: 40 });
  fc.assert(
    fc.property(lineEnds, cuts, (lineEnd, at) => {
      const blank = lineEnd + lineEnd;
      const text = (events: readonly string[]) => events.map((event) => event + blank).join("");
      const bytes = Buffer.from(text([odd, first, azure, first, usage, done]));
      expect(filtered(bytes, at)).toBe(text([odd, first, azure, first, done]));
    }),
  );
});

test("one byte at a time loses nothing but the usage event", () => {
  const bytes = Buffer.from(`${first}\r\n\r\n${usage}\r\n\r\n${done}\r\n\r\n`);
  expect(
    filtered(
      bytes,
      Array.from({ length: bytes.length }, (_, at) => at),
    ),
  ).toBe(`${first}\r\n\r\n${done}\r\n\r\n`);
});

test("an event goes on as soon as it can't be the usage event any more", () => {
  const filter = createUsageFilter();
  expect(Buffer.from(filter.push(Buffer.from('data: {"choices":['))).toString()).toBe("");
  expect(Buffer.from(filter.push(Buffer.from('{"delta":'))).toString()).toBe('data: {"choices":[{"delta":');
  expect(Buffer.from(filter.push(Buffer.from("{}}]}\n"))).toString()).toBe("{}}]}\n");
  expect(Buffer.from(filter.push(Buffer.from(`\n${usage}\n\n`))).toString()).toBe("\n");
});

test("a stream that ends in the middle of an event keeps its last bytes", () => {
  const cut = usage.slice(0, 30);
  expect(filtered(Buffer.from(`${first}\n\n${cut}`), [])).toBe(`${first}\n\n${cut}`);
});

test("an endless event isn't held for ever", () => {
  const filter = createUsageFilter();
  const long = Buffer.alloc(70_000, "x");
  expect(filter.push(long).length).toBe(70_000);
});
