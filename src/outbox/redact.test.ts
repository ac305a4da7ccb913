import { expect, test } from "bun:test";
import { redact, shedBodies } from "./redact.ts";
import { createRecord } from "./segment.ts";

const json = JSON.stringify({
  id: "x",
  model: "m",
  input: { messages: [{ content: "secret plan" }] },
  parameters: { input: "kept where parameters are" },
  output: { kind: "text", text: "secret answer" },
});
const record = createRecord(7, "x", json);

test("a sink with full bodies gets the record itself", () => {
  expect(redact(record, "full")).toBe(record);
});

test("metadata leaves out what was said, and keeps the parameters", () => {
  const redacted = redact(record, "metadata");
  expect(redacted).toMatchObject({
    seq: 7,
    id: "x",
    exchange: { id: "x", model: "m", parameters: { input: "kept where parameters are" } },
  });
  expect(redacted?.json).not.toContain("secret");
  expect(redacted?.exchange).not.toHaveProperty("input");
});

test("off leaves out the parameters too", () => {
  expect(redact(record, "off")?.json).toBe('{"id":"x","model":"m"}');
});

test("a line that can't be read is never shown redacted", () => {
  for (const line of ["", "{", "null", '"text"', "12"])
    expect(redact(createRecord(1, "x", line), "metadata")).toBeUndefined();
});

test("shedding marks the record, and says where there was nothing to shed", () => {
  expect(shedBodies(json)).toBe('{"id":"x","model":"m","bodies_shed":true}');
  expect(shedBodies('{"id":"x"}')).toBeUndefined();
  expect(shedBodies("{")).toBeUndefined();
});
