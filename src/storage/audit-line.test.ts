import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatAuditLine, isTornLine, readAuditLine } from "./audit-line.ts";
import type { AuditRow } from "./tables.ts";

const text = fc.string({ unit: "binary" });
const optional = fc.option(text);
const rows: fc.Arbitrary<AuditRow> = fc.record({
  seq: fc.nat(),
  id: fc.uuid(),
  at: fc.oneof(fc.date({ noInvalidDate: true }).map(Number), fc.maxSafeInteger()),
  action: text,
  outcome: text,
  reason: optional,
  actor: text,
  origin: text,
  project_id: optional,
  token_id: optional,
  request_id: optional,
  client_address: optional,
  method: optional,
  path: optional,
  user_agent: optional,
  changes: fc.option(
    fc.oneof(
      fc.json(),
      fc.constantFrom(
        '{ "a":1}',
        '{"a":1,"a":2}',
        '{"a":1.0}',
        "[1 ]",
        '"a"',
        '{"2":0,"1":0}',
        '{"1":0,"2":0}',
        '{"__proto__":{}}',
      ),
      text,
      fc.object({ withDate: true }).map((value) => JSON.stringify(value)),
    ),
  ),
  previous: text,
  hash: text,
});

test("an entry is read as it was, whatever is in it, and is on one line", () => {
  fc.assert(
    fc.property(rows, (row) => {
      const line = formatAuditLine(row);
      expect(line).not.toMatch(/[\n\r]/);
      expect(readAuditLine(line)).toEqual(row);
    }),
    { numRuns: 500 },
  );
});

test("a line is read only as it was written, to the byte", () => {
  const row = fc.sample(rows, 1)[0];
  if (!row) throw new Error("no row");
  const line = formatAuditLine({ ...row, changes: '{"after":{"a":1}}', at: 1000 });
  expect(line).toContain('"at":"1970-01-01T00:00:01.000Z"');
  for (const changed of [
    `${line} `,
    ` ${line}`,
    line.replace('"changes":', '"changes": '),
    line.replace("{", '{"seq":1,'),
    line.replace(/\}$/, ',"more":1}'),
    line.replace("1970-01-01T00:00:01.000Z", "1970-01-01T00:00:01Z"),
    line.replace('{"after":{"a":1}}', '{"after":{"a":1.0}}'),
    line.slice(0, -1),
    "",
    "null",
    "[]",
  ])
    expect(readAuditLine(changed)).toBeUndefined();
});

test("what a crash leaves of a line is told from another file's text", () => {
  for (const torn of ["{", '{"se', '{"seq":', '{"seq":12,"id', "\0\0\0"]) expect(isTornLine(torn)).toBe(true);
  for (const other of ["x", '{"id":', "[", " {"]) expect(isTornLine(other)).toBe(false);
});
