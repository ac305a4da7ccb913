import { expect, test } from "bun:test";
import fc from "fast-check";
import { salvageEnd, salvageJson } from "./salvage.ts";

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

test("of an object that was cut everything before the cut is there, the text that was being written too", () => {
  const text = '{"id":"c1","model":"m","choices":[{"index":0,"message":{"content":"Hello wor';
  expect(salvageJson(text)).toEqual({
    id: "c1",
    model: "m",
    choices: [{ index: 0, message: { content: "Hello wor" } }],
  });
});

test("a number, a key, an escape or a literal that was cut is left out", () => {
  expect(salvageJson('{"a":1,"b":12')).toEqual({ a: 1 });
  expect(salvageJson('{"a":1,"be')).toEqual({ a: 1 });
  expect(salvageJson('{"a":1,"b":')).toEqual({ a: 1 });
  expect(salvageJson('{"a":[1,2,tr')).toEqual({ a: [1, 2] });
  expect(salvageJson('{"a":"x\\u00')).toEqual({ a: "x" });
  expect(salvageJson('{"a":"x\\')).toEqual({ a: "x" });
  expect(salvageJson('{"a":"x\\\\')).toEqual({ a: "x\\" });
});

test("a usage that was cut is left out, since half of it is wrong", () => {
  expect(salvageJson('{"model":"m","usage":{"prompt_tokens":10,"completion')).toEqual({ model: "m" });
  expect(salvageJson('{"model":"m","usage":{"prompt_tokens":10},"x":{"y":1,')).toEqual({
    model: "m",
    usage: { prompt_tokens: 10 },
    x: { y: 1 },
  });
});

test("any object that is cut anywhere gives a beginning of itself", () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
  fc.assert(
    fc.property(object, fc.double({ min: 0, max: 1, noNaN: true }), (value, share) => {
      const text = JSON.stringify(value);
      const salvaged = salvageJson(text.slice(0, 1 + Math.floor(share * (text.length - 1))));
      expect(salvaged).toBeDefined();
      const original = JSON.parse(text) as Record<string, unknown>;
      const keys = Object.keys(salvaged ?? {});
      // All members but the last one are whole.
      for (const key of Object.keys(original)
        .filter((name) => keys.includes(name))
        .slice(0, -1)) {
        expect(salvaged?.[key]).toEqual(original[key]);
      }
      expect(keys.filter((key) => !Object.hasOwn(original, key))).toEqual([]);
    }),
  );
});

test("what is no JSON object gives nothing", () => {
  for (const text of ["", "<html>", "[1,2", '"text', "{smile} hello", "null"])
    expect(salvageJson(text)).toBeUndefined();
});

test("with the first and the last part, model and usage survive any size between them", () => {
  const text = JSON.stringify({ id: "c1", choices: [{ text: "x".repeat(10_000) }], model: "m", usage, tier: null });
  expect(salvageJson(text.slice(0, 100), text.slice(-150))).toMatchObject({ id: "c1", model: "m", usage, tier: null });
});

test("of a conversation whose middle is missing the first and the latest messages are there", () => {
  const messages = Array.from({ length: 50 }, (_, index) => ({ role: "user", content: `message ${index}` }));
  const text = JSON.stringify({ model: "m", messages, stream: true });
  const salvaged = salvageJson(text.slice(0, 60), text.slice(-120));
  expect(salvaged).toMatchObject({ model: "m", stream: true });
  const kept = salvaged?.["messages"] as readonly unknown[];
  expect(kept[0]).toEqual(messages[0]);
  expect(kept.at(-1)).toEqual(messages.at(-1));
  expect(kept.length).toBeLessThan(8);
});

const twenty = (item: object) => Array.from({ length: 20 }, () => item);

test("a list that is unlike the one that was cut is not added to it", () => {
  const text = JSON.stringify({ messages: twenty({ role: "user" }), tools: twenty({ name: "f" }) });
  const salvaged = salvageJson(text.slice(0, 50), text.slice(-50));
  expect(JSON.stringify(salvaged)).not.toContain("name");
});

test("a request's members after its messages are found, and those of a tool's schema aren't taken for them", () => {
  const tools = [
    { function: { parameters: { properties: { model: { type: "string" }, stream: { type: "boolean" } } } } },
  ];
  const text = JSON.stringify({ messages: ["x".repeat(5_000)], model: "m", stream: true, tools });
  expect(salvageJson(text.slice(0, 50), text.slice(-300))).toMatchObject({ model: "m", stream: true, tools });
});

test("the end of an event tells what stood one level down", () => {
  const event = { type: "response.completed", response: { output: ["x".repeat(1_000)], usage, user: null }, n: 3 };
  expect(salvageEnd(`${JSON.stringify(event).slice(-200)}\n\n`)).toEqual({ usage, user: null });
});

test("the end of an array of objects tells its last element", () => {
  const text = JSON.stringify([
    { parts: "x" },
    { parts: "y", usageMetadata: { totalTokenCount: 3 }, modelVersion: "m" },
  ]);
  expect(salvageEnd(text.slice(text.indexOf('"y"')))).toEqual({
    usageMetadata: { totalTokenCount: 3 },
    modelVersion: "m",
  });
});

test("of a text that ends anywhere the last whole usage is told", () => {
  const text = `"usageMetadata":{"totalTokenCount":1}},{"usageMetadata":{"totalTokenCount":2}},{"parts":[{"text":"cut`;
  expect(salvageEnd(text)).toEqual({ usageMetadata: { totalTokenCount: 2 } });
});

test("a usage that is spoken of in a string is none", () => {
  const text = `${JSON.stringify(JSON.stringify({ usage }))}}]}`;
  expect(salvageEnd(text)).toEqual({});
  expect(salvageEnd("no json at all")).toEqual({});
});

test("hostile nesting gives nothing or something, and never fails", () => {
  for (const text of ["[".repeat(1_000_000), '{"a":'.repeat(200_000), '{"usage":{'.repeat(100_000)]) {
    expect(() => salvageJson(text, text)).not.toThrow();
  }
});

test("of a text that holds too much to be parsed the beginning and the end are told", () => {
  const many = JSON.stringify({ model: "m", data: Array.from({ length: 600_000 }, () => 1), usage });
  const salvaged = salvageJson(many);
  expect(salvaged).toMatchObject({ model: "m", usage });
  expect(salvaged?.["data"]).not.toHaveLength(600_000);
  expect(salvageJson(`{"model":"m","messages":${"[".repeat(1_000_000)}`)).toMatchObject({ model: "m" });
});
