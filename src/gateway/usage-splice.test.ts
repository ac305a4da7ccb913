import { expect, test } from "bun:test";
import fc from "fast-check";
import { spliceUsage } from "./usage-splice.ts";

function spliced(text: string): string | undefined {
  const body = spliceUsage(Buffer.from(text));
  return body && Buffer.from(body).toString();
}

test("a stream that doesn't ask for usage is made to, and every other byte stays", () => {
  expect(spliced('{ "seed": 12345678901234567890,\n "stream" :true, "seed":1.0e+2}')).toBe(
    '{ "stream_options":{"include_usage":true},"seed": 12345678901234567890,\n "stream" :true, "seed":1.0e+2}',
  );
});

test("existing stream options are extended, false becomes true, null becomes an object", () => {
  expect(spliced('{"stream":true,"stream_options":{}}')).toBe(
    '{"stream":true,"stream_options":{"include_usage":true}}',
  );
  expect(spliced('{"stream":true,"stream_options": { "x":[1]}}')).toBe(
    '{"stream":true,"stream_options": {"include_usage":true, "x":[1]}}',
  );
  expect(spliced('{"stream_options":{"include_usage": false },"stream":true}')).toBe(
    '{"stream_options":{"include_usage": true },"stream":true}',
  );
  expect(spliced('{"stream":true,"stream_options":null}')).toBe(
    '{"stream":true,"stream_options":{"include_usage":true}}',
  );
});

test("a body that asks already, doesn't stream, or is no such object is left alone", () => {
  const texts = [
    '{"stream":true,"stream_options":{"include_usage":true}}',
    '{"stream":false}',
    '{"stream":"true"}',
    '{"stream":false,"metadata":{"stream":true}}',
    '{"messages":[{"stream":true}]}',
    '{"stream":true,"stream_options":"x"}',
    '{"stream":true',
    "[]",
    "",
  ];
  for (const text of texts) expect(spliced(text)).toBeUndefined();
});

test("a stream is found behind other members of that name, and whatever the spacing", () => {
  const asked = '"stream_options":{"include_usage":true},';
  for (const text of [
    '{"metadata":{"stream":false},"stream":true}',
    '{"user":"\\"stream\\":false","stream"\n:\r\t true}',
    '{"stream":false,"stream":true}',
  ])
    expect(spliced(text)).toBe(`{${asked}${text.slice(1)}`);
});

test("what is spliced in is all that differs, for any streaming body", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, "\t"), (object, indent) => {
      const body = { ...object, stream: true };
      const { stream_options, ...rest } = JSON.parse(spliced(JSON.stringify(body, undefined, indent)) ?? "{}");
      if ("stream_options" in object && typeof object["stream_options"] !== "object") return;
      expect(stream_options.include_usage).toBe(true);
      expect(rest).toEqual(JSON.parse(JSON.stringify({ ...body, stream_options: undefined })));
    }),
  );
});
