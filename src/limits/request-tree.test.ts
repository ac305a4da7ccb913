import { expect, test } from "bun:test";
import fc from "fast-check";
import { readRequestNote } from "./read-request.ts";

const read = (dialect: string, text: string) => readRequestNote(dialect, new TextEncoder().encode(text), "/", 1e9);

/** JSON as it may be written: with white space, with any escapes, with a key twice. */
type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly members: readonly (readonly [string, Json])[] };

const inner = (
  "text content parts role id type source name data url detail tool_calls function arguments input output args image_url " +
  "inlineData mimeType functionResponse response thinking refusal variables result tools cache_control"
).split(" ");
const outer =
  "model user metadata messages system contents systemInstruction input prompt tools instructions max_tokens n x".split(
    " ",
  );
const words = fc.constantFrom(
  "text",
  "image",
  "image_url",
  "low",
  "image/png",
  "audio/mp3",
  "base64",
  "document",
  "input_audio",
);
const strings = fc.oneof(words, fc.string({ unit: "binary" }), fc.string({ minLength: 20, maxLength: 60 }));

const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small", maxDepth: 7, withCrossShrink: true },
    strings,
    fc.integer(),
    fc.constantFrom(true, false, null),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.array(fc.tuple(fc.constantFrom(...inner), tie("json")), { maxLength: 5 }).map((members) => ({ members })),
    fc.array(fc.tuple(fc.constantFrom(...inner), tie("json")), { maxLength: 5 }).map((members) => ({ members })),
  ),
}));

const bodies = fc.array(fc.tuple(fc.constantFrom(...outer), json), { maxLength: 6 }).map((members) => ({ members }));

/** Styles: plain, with white space, with every UTF-16 unit escaped, keys too. */
function write(value: Json, style: number): string {
  const space = style === 1 ? " \n\t\r" : "";
  if (typeof value === "string") return style === 2 ? `"${escape(value)}"` : JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  if ("members" in value) {
    const pairs = value.members.map(([key, of]) => `${write(key, style)}${space}:${space}${write(of, style)}`);
    return `{${space}${pairs.join(`${space},${space}`)}${space}}`;
  }
  return `[${space}${value.map((item) => write(item, style)).join(`${space},${space}`)}${space}]`;
}

const escape = (text: string) =>
  text.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

const codePoints = (text: string) => Array.from(text).length;

/** The rule, told over parsed JSON: what text a member of that key holds. */
function countMember(key: string, value: Json, isOwn: boolean): number {
  if (["type", "data", "url", "detail", "image_url", "inlineData"].includes(key)) return 0;
  if (["tools", "arguments", "args", "response"].includes(key))
    return typeof value === "object" && value !== null ? countAll(value) : countContent(value);
  if (key === "variables" && isObject(value)) return sum(value.members.map(([, of]) => countContent(of)));
  if (["input", "result"].includes(key) && !isOwn && isObject(value)) return countAll(value);
  return ["role", "id", "cache_control", "mimeType"].includes(key) ? 0 : countContent(value);
}

function countContent(value: Json): number {
  if (typeof value === "string") return codePoints(value);
  if (typeof value !== "object" || value === null) return 0;
  if (!isObject(value)) return sum(value.map(countContent));
  return sum([...last(value)].map(([key, of]) => countMember(key, of, false)));
}

function countAll(value: Json): number {
  if (typeof value === "string") return codePoints(value);
  if (typeof value !== "object" || value === null) return String(value).length;
  if (!isObject(value)) return sum(value.map(countAll));
  return sum(value.members.map(([key, of]) => codePoints(key) + countAll(of)));
}

const isObject = (value: Json): value is { readonly members: readonly (readonly [string, Json])[] } =>
  typeof value === "object" && value !== null && "members" in value;
const last = ({ members }: { readonly members: readonly (readonly [string, Json])[] }) => new Map(members);
const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

/** Text of a document's source counts too, where it says that it is text. */
function countPlain(key: string, value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  if (!isObject(value)) return sum(value.map((item) => countPlain(key, item)));
  const members = last(value);
  const data = members.get("data");
  const own = key === "source" && members.get("type") === "text" && typeof data === "string" ? codePoints(data) : 0;
  const skipped = ["image_url", "inlineData", "tools", "arguments", "args", "response", "role", "id", "cache_control"];
  skipped.push("type", "data", "url", "detail", "mimeType");
  const rest = [...members].filter(
    ([name, of]) => !skipped.includes(name) && !(["input", "result"].includes(name) && isObject(of)),
  );
  return own + sum(rest.map(([name, of]) => countPlain(name === "variables" && isObject(of) ? "" : name, of)));
}

const contents = new Set([
  "messages",
  "system",
  "contents",
  "systemInstruction",
  "input",
  "prompt",
  "tools",
  "instructions",
]);

test("the text of any body is what a plain reading of its parsed JSON finds, however it is written", () => {
  const style = fc.constantFrom(0, 1, 2);
  const dialect = fc.constantFrom("openai-chat", "openai-responses", "anthropic-messages", "gemini-generate");
  fc.assert(
    fc.property(bodies, style, dialect, (body, written, name) => {
      const members = [...last(body)].filter(([key]) => contents.has(key));
      const counts = members.map(
        ([key, value]) => countMember(key, value, true) + (key === "tools" ? 0 : countPlain(key, value)),
      );
      const note = read(name, write(body, written));
      expect(note.characters).toBe(members.length === 0 ? undefined : sum(counts));
    }),
    { numRuns: 2_000 },
  );
});

test("names and figures are what JSON.parse finds, however they are written", () => {
  fc.assert(
    fc.property(bodies, fc.constantFrom(0, 1, 2), (body, style) => {
      const text = write(body, style);
      const { model, user, max_tokens: most, n } = JSON.parse(text);
      const named = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
      const figure = (value: unknown, least: number) =>
        typeof value === "number" && value >= least ? value : undefined;
      const note = read("openai-chat", text);
      expect([note.model, note.user]).toEqual([named(model), named(user)]);
      expect([note.maxOutput, note.choices]).toEqual([figure(most, 0), figure(n, 1)]);
    }),
  );
});
