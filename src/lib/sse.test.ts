import { expect, test } from "bun:test";
import fc from "fast-check";
import { createSseReader } from "./sse.ts";

type Event = { name?: string; data: string };

function read(pieces: readonly (Uint8Array | "gap")[], maxEventChars?: number) {
  const events: Event[] = [];
  const fragments: string[] = [];
  const reader = createSseReader({
    event: (name, data) => events.push(name === undefined ? { data } : { name, data }),
    fragment: (text) => fragments.push(text),
    maxEventChars,
  });
  for (const piece of pieces) {
    if (piece === "gap") reader.gap();
    else reader.push(piece);
  }
  reader.end();
  return { events, fragments };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const events = (text: string) => read([bytes(text)]).events;

test("an event's data may follow its colon with or without a space, and keeps further spaces", () => {
  expect(events("data:a\n\ndata: b\n\ndata:  c\n\n")).toEqual([{ data: "a" }, { data: "b" }, { data: " c" }]);
});

test("lines may end with LF, CR or CRLF", () => {
  for (const end of ["\n", "\r", "\r\n"]) {
    const text = ["event: one", "data: a", "data: b", "", "data: c", "", ""].join(end);
    expect(events(text)).toEqual([{ name: "one", data: "a\nb" }, { data: "c" }]);
  }
});

test("comments, ids and a byte order mark are left out", () => {
  expect(events("\ufeff: waiting\n\nid: 7\nretry: 10\ndata: a\n\n:\n\n")).toEqual([{ data: "a" }]);
});

test("the last event counts although the blank line after it never came", () => {
  expect(events("data: a\n\ndata: [DONE]")).toEqual([{ data: "a" }, { data: "[DONE]" }]);
});

test("it makes no difference where the bytes are split", () => {
  const field = fc.constantFrom("data:", "data: ", "event: ", ": ", "id: ");
  const line = fc.tuple(field, fc.constantFrom("", "ä€𝄞", "{}", "x y", "data:"), fc.constantFrom("\n", "\r\n", "\r"));
  const text = fc.array(fc.oneof(line, fc.constantFrom("\n", "\r\n")), { maxLength: 12 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(40), { maxLength: 6 }), (lines, cuts) => {
      const all = bytes(lines.flat().join(""));
      const places = [...new Set(cuts.map((cut) => cut % (all.length + 1)))].toSorted((a, b) => a - b);
      const pieces = [...places, all.length].map((to, index) => all.subarray(places[index - 1] ?? 0, to));
      const single = Array.from(all, (_, index) => all.subarray(index, index + 1));
      expect(read(pieces)).toEqual(read([all]));
      expect(read(single)).toEqual(read([all]));
    }),
  );
});

test("an event that is too long is dropped, and the next one is read", () => {
  const long = "x".repeat(300_000);
  const bodies = [`data: ${long}\n\ndata: next\n\n`, `data: a\ndata: ${long}\r\n\r\ndata: next\n\n`];
  for (const body of bodies) {
    const pieces = Array.from({ length: Math.ceil(body.length / 997) }, (_, index) =>
      bytes(body.slice(index * 997, (index + 1) * 997)),
    );
    expect(read(pieces, 100_000).events).toEqual([{ data: "next" }]);
  }
});

test("events that are short are kept, however many come in one piece", () => {
  const body = `data: ${"x".repeat(1_000)}\n\n`.repeat(500);
  expect(read([bytes(body)], 2_000).events).toHaveLength(500);
});

test("after a gap reading goes on with the next whole event, and the end of the cut one is told", () => {
  const { events: read1, fragments } = read([
    bytes('data: a\n\ndata: {"cut":'),
    "gap",
    bytes('"here"}\r\n'),
    bytes("\r\ndata: b\n\n"),
  ]);
  expect(read1).toEqual([{ data: "a" }, { data: "b" }]);
  expect(fragments).toEqual(['"here"}\r\n\r\n']);
});

test("a character that a gap cuts harms no later event", () => {
  const [first = 0] = bytes("€");
  expect(read([new Uint8Array([first]), "gap", bytes("x\n\ndata: b\n\n")]).events).toEqual([{ data: "b" }]);
});
