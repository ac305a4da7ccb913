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

test("a stream's bytes don't depend on where it is cut, whatever its lines and their ends", () => {
  const lines = fc.constantFrom(first, azure, usage, odd, done, "event: x", "", "");
  const text = fc.array(fc.tuple(lines, fc.constantFrom("\n", "\r\n", "\r")), { maxLength: 20 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 40 }), (written, at) => {
      const bytes = Buffer.from(written.flat().join(""));
      expect(filtered(bytes, at)).toBe(filtered(bytes, []));
    }),
    { numRuns: 1000 },
  );
});

test("comments before an event pass at once, with a blank line after them or none, and don't go with the usage event", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const filter = createUsageFilter();
    const push = (text: string) => Buffer.from(filter.push(Buffer.from(text))).toString();
    expect(push(`: one${end}`)).toBe(`: one${end}`);
    expect(push(`: two${end}${end}`)).toBe(`: two${end}${end}`);
    expect(push(`: three${end}${usage.slice(0, 9)}`)).toBe(`: three${end}`);
    expect(push(`${usage.slice(9)}${end}${end}: four${end}: fi`)).toBe(`: four${end}`);
    expect(push(`ve${end}${done}`)).toBe(`: five${end}`);
  }
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
