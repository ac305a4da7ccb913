import { expect, test } from "bun:test";
import fc from "fast-check";
import { fromChain, toChain } from "./conversation.ts";

const json = fc.jsonValue();
const turns = fc.array(fc.dictionary(fc.string(), json));
const list = fc.constantFrom("messages", "input", "contents", "prompt");
const asked = fc
  .tuple(list, turns, fc.dictionary(fc.string(), json))
  .map(([name, said, head]) => ({ ...head, [name]: said }));

function readBack(input: unknown): unknown {
  return fromChain(toChain(input).map((node) => node.json));
}

test("whatever a model was given comes back the same", () => {
  fc.assert(
    fc.property(fc.oneof(asked, json), (input) => {
      // As it comes out of the outbox.
      const given: unknown = JSON.parse(JSON.stringify(input));
      expect(readBack(given)).toEqual(given);
    }),
  );
});

test("members that could be taken for our own come back too", () => {
  for (const text of ['{"__proto__":{"a":1},"messages":[{"__proto__":2}]}', '{"whole":1}', '{"list":"a","head":{}}'])
    expect(JSON.stringify(readBack(JSON.parse(text)))).toBe(text);
});

test("a history that comes again begins with the same nodes; other tools or another turn make others", () => {
  const messages = ["a", "b", "c"].map((content) => ({ role: "user", content }));
  const ids = (input: unknown) => toChain(input).map(({ id }) => id);
  const first = ids({ messages: messages.slice(0, 2), tools: [1] });
  expect(ids({ messages, tools: [1] }).slice(0, 3)).toEqual(first);
  expect(ids({ messages, tools: [1] })).toHaveLength(4);
  expect(new Set(ids({ messages, tools: [2] })).isDisjointFrom(new Set(first))).toBe(true);
  const other = ids({ messages: [messages[1], messages[0]], tools: [1] });
  expect(other[0]).toBe(first[0] ?? "");
  expect(other.slice(1)).not.toContain(first[1] ?? "");
  for (const id of first) expect(id).toMatch(/^[0-9a-f]{32}$/);
});

test("a list of anything but turns, and one of very many, is one node", () => {
  for (const input of [
    { input: ["a", "b"] },
    { input: [[1], [2]] },
    { messages: "x" },
    "text",
    null,
    { messages: Array.from({ length: 5_000 }, () => ({})) },
  ])
    expect(toChain(input)).toHaveLength(1);
});
