import { expect, test } from "bun:test";
import { readSocketEvent } from "./socket-event.ts";

const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const read = (value: unknown) => readSocketEvent(bytes(value));

test("an event says its type and ids wherever they stand", () => {
  expect(
    read({ type: "response.create", event_id: "e1", response: { input: [{ type: "message", id: "m" }] } }),
  ).toEqual({ type: "response.create", asks: true, id: "e1", responseId: undefined, about: undefined });
  expect(read({ response: { output: [{ id: "item" }], id: "r1" }, type: "response.done" })?.responseId).toBe("r1");
  expect(read({ type: "response.output_text.delta", response_id: "r2", delta: '"type":"error"' })).toMatchObject({
    type: "response.output_text.delta",
    responseId: "r2",
  });
  expect(read({ type: "error", event_id: "of the server", error: { event_id: "e1" } })?.about).toBe("e1");
  expect(read({ type: "error", error: { event_id: null } })?.about).toBeUndefined();
});

test("what stands deeper, or in a list, is none of the event's", () => {
  const deep = { type: "response.created", items: [{ type: "error", id: "i" }, "type"], response: { a: { id: "x" } } };
  expect(read(deep)).toMatchObject({ type: "response.created", asks: false, responseId: undefined });
  expect(read({ "response.id": "r", type: "t" })?.responseId).toBeUndefined();
});

test("whatever any reader could take for an asking event asks", () => {
  expect(read(String.raw`{"type":"response.\u0063reate"}`)).toMatchObject({ type: "response.create", asks: true });
  expect(read(String.raw`{"\u0074ype":"response.create"}`)?.asks).toBe(true);
  expect(read('\uFEFF {"type":"response.create","type":"other"}')).toMatchObject({ type: "other", asks: true });
});

test("a frame that isn't one whole object is no event", () => {
  for (const text of ["", "sound", "[]", '[{"type":"a"}]', '{"type":"a"', '{"type":"a', '{"a":"b"}', '{"type":1}'])
    expect(read(text)).toBeUndefined();
});

test("an event of megabytes is read, and one of millions of members", () => {
  const result = "A".repeat(8_000_000);
  expect(read({ type: "response.completed", response: { output: [{ result }], id: "r1" } })?.responseId).toBe("r1");
  const hostile = bytes(`{"type":"a"${',"":0'.repeat(2_000_000)}}`);
  expect(readSocketEvent(hostile)?.type).toBe("a");
});
