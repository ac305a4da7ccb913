import { expect, test } from "bun:test";
import { opaque } from "./opaque.ts";
import { readAnswer } from "./test-answers.ts";

const path = "/v2/whatever";

test("JSON is recorded as it is, whole, by line, and by event", () => {
  const value = { any: ["thing"] };
  const text = JSON.stringify(value);
  expect(readAnswer(opaque, path, { body: text })).toEqual({ output: { kind: "json", value } });
  const list = { output: { kind: "json", value: [value, "note"] } };
  expect(readAnswer(opaque, path, { type: "application/x-ndjson", body: `${text}\nnote\n` })).toMatchObject(list);
  expect(
    readAnswer(opaque, path, { type: "text/event-stream", body: `data: ${text}\n\ndata: note\n\n` }),
  ).toMatchObject(list);
});

test("an error of the common shape is told beside the JSON", () => {
  const answer = readAnswer(opaque, path, { body: JSON.stringify({ error: { message: "No", code: 404 } }) });
  expect(answer.error).toEqual({ message: "No", code: "404" });
});

test("of a stream without end the first events are kept", () => {
  const body = "data: 1\n\n".repeat(5_000);
  const { output } = readAnswer(opaque, path, { type: "text/event-stream", body });
  expect(output).toMatchObject({ kind: "json", value: { length: 1_000 } });
});

test("a request is recorded as it is, and nothing here is a generation", () => {
  expect(opaque.readRequest({ a: 1 }, { method: "POST", path })).toEqual({ input: { a: 1 } });
  expect(opaque.readRequest(undefined, { method: "GET", path })).toEqual({});
  expect(opaque.kindOf({ method: "POST", path })).toBe("other");
});
