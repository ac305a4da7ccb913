import { expect } from "bun:test";
import * as fc from "fast-check";
import { onEachDatabase } from "../storage.ts";
import { askDescription, type Description, type Operation, resolve, type Schema } from "./openapi.ts";
import { openStage, readFault } from "./stage.ts";

onEachDatabase((test, makePlace, driver) => {
  test("whatever is sent to any operation is answered in JSON, with a message where it is wrong, and never fails", async () => {
    await using place = await makePlace();
    await using stage = await openStage(place);
    const { api, operations } = await askDescription(stage);
    const project = await stage.createProject({ api_key: "sk-proj-0123456789abcdefghij" });
    const token = await stage.createToken(project);
    const [entry] = await stage.audit();
    const values = createValues(api, [project, token.id, entry?.id ?? ""]);
    const others = new Set(["/api/docs", "/manage/exchanges/live"]);
    const asked = operations.filter(({ own, path }) => own && !others.has(path));
    expect(asked.length).toBe(27);
    for (const operation of asked) {
      const property = fc.asyncProperty(values.question(operation), async ({ target, body, type }) => {
        const headers: Record<string, string> = body === undefined ? {} : { "content-type": type };
        const answer = await stage.ask(operation.method, target, operation.method === "GET" ? undefined : body, {
          headers,
        });
        const { status } = answer;
        if (status >= 400) readFault(answer);
        const isJson = status === 204 ? answer.text === "" : typeof answer.json === "object";
        const about = { method: operation.method, target, body, status, text: answer.text.slice(0, 300) };
        expect({ ...about, isJson, fails: status >= 500 }).toEqual({ ...about, isJson: true, fails: false });
      });
      await fc.assert(property, { numRuns: driver === "sqlite" ? 24 : 12 });
    }
    expect(stage.faults).toEqual([]);
  }, 60_000);
});

/** Any text: halves of characters, NUL, and what breaks queries, too. */
const anyText = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)), maxLength: 20 }),
  fc.string({ maxLength: 20 }),
  fc.constantFrom("' or 1=1 --", "\u0000", "%", "_", "../..", "__proto__", "x".repeat(3000)),
);

/** Makes questions of a description; some of the `ids` are of what there is. */
function createValues(api: Description, ids: readonly string[]) {
  return { question };

  function question({ path, operation }: Operation) {
    const schema = operation.requestBody?.content["application/json"]?.schema;
    const target = fc.tuple(pathOf(path), queryOf(operation));
    return fc.record({
      target: target.map(([head, query]) => head + query),
      body: schema === undefined ? fc.option(fc.json(), { nil: undefined }) : bodyOf(schema),
      type: fc.oneof(
        { weight: 5, arbitrary: fc.constant("application/json") },
        { weight: 1, arbitrary: fc.constant("text/plain") },
      ),
    });
  }

  function pathOf(path: string): fc.Arbitrary<string> {
    const part = fc.oneof(fc.constantFrom(...ids), fc.uuid(), anyText).map((text) => encode(text) || "x");
    return path.includes("{") ? part.map((text) => path.replace(/\{[^}]+\}/, () => text)) : fc.constant(path);
  }

  function queryOf({ parameters }: Operation["operation"]): fc.Arbitrary<string> {
    const known = parameters.filter((parameter) => parameter.in === "query");
    const pairs = known.map(({ name, schema }) => {
      const value = fc.oneof(valueOf(schema).map(write), anyText);
      return fc.option(
        value.map((text) => `${name}=${encode(text)}`),
        { nil: undefined, freq: 3 },
      );
    });
    const stray = fc.option(fc.constantFrom("stray=x", "limit=1&limit=2", "%=%", "=", "a[b]=c"), {
      nil: undefined,
      freq: 1,
    });
    return fc.tuple(stray, ...pairs).map((written) => {
      const there = written.filter((pair) => pair !== undefined);
      return there.length === 0 ? "" : `?${there.join("&")}`;
    });
  }

  function bodyOf(schema: Schema): fc.Arbitrary<string> {
    return fc.oneof(
      { weight: 6, arbitrary: valueOf(schema).map(write) },
      { weight: 1, arbitrary: fc.json() },
      { weight: 1, arbitrary: anyText },
    );
  }

  /** Values that a schema takes, with some among them that it doesn't. */
  function valueOf(written: Schema): fc.Arbitrary<unknown> {
    const schema = resolve(api, written);
    const types = [schema.type ?? "object"].flat().map((type) => ofType(type, schema));
    return fc.oneof({ weight: 12, arbitrary: fc.oneof(...types) }, { weight: 1, arbitrary: fc.jsonValue() });
  }

  function ofType(type: string, schema: Schema): fc.Arbitrary<unknown> {
    if (schema.enum) return fc.constantFrom(...schema.enum);
    if (type === "null") return fc.constant(null);
    if (type === "boolean") return fc.boolean();
    if (type === "integer")
      return fc.oneof(fc.integer({ min: -2, max: 200 }), fc.constantFrom(2 ** 53 - 1, 2 ** 53, 1e300, 0.5, -0));
    if (type === "array") return fc.array(valueOf(schema.items ?? {}), { maxLength: 3 });
    return type === "string" ? textOf(schema) : objectOf(schema);
  }

  function textOf({ format }: Schema): fc.Arbitrary<string> {
    if (format === "uuid") return fc.constantFrom(...ids);
    if (format === "date-time") return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
    const likely = fc.constantFrom("24h", "openai", "POST", "/v1/x", "https://a.example", "gpt-4o*");
    return fc.oneof(fc.string({ minLength: 1, maxLength: 12 }), anyText, likely);
  }

  function objectOf({ properties = {}, required = [], additionalProperties: others }: Schema): fc.Arbitrary<unknown> {
    const members = Object.entries(properties).map(([name, member]): [string, fc.Arbitrary<unknown>] => [
      name,
      required.includes(name) ? valueOf(member) : fc.option(valueOf(member), { nil: undefined, freq: 2 }),
    ]);
    if (typeof others !== "object") return fc.record(Object.fromEntries(members));
    const names = fc.oneof(fc.constantFrom("openai", "gemini", "a"), anyText);
    return fc.dictionary(names, valueOf(others), { maxKeys: 3 });
  }
}

function write(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
