import { expect, test } from "bun:test";
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashEntry } from "./audit-chain.ts";
import { checkAuditFile } from "./audit-file-check.ts";
import { formatAuditLine, readAuditLine } from "./audit-line.ts";
import { listAuditParts } from "./audit-parts.ts";
import { makeAuditFolder, openAudited, readAuditLines } from "./audit-test-support.ts";
import type { AuditRow } from "./tables.ts";

/** A file with ten entries, and the database that it was copied from. */
async function makeCopy(folder: string, maxFileBytes = 1_000_000) {
  const audited = await openAudited(folder, { maxFileBytes });
  for (let time = 0; time < 5; time += 1) {
    await audited.note(2);
    await Bun.sleep(10);
  }
  await audited.file.close();
  const write = (lines: readonly string[]) => writeFileSync(audited.path, lines.map((line) => `${line}\n`).join(""));
  return { ...audited, lines: readAuditLines(audited.path), write };
}

/** The entry of a line with something else in it, and with the hash that belongs to that. */
function forge(line: string, change: Partial<AuditRow>): AuditRow {
  const row = readAuditLine(line);
  if (!row) throw new Error("That is no line");
  const forged = { ...row, ...change };
  return { ...forged, hash: hashEntry(forged) };
}

test("a file that nobody touched is right, alone and against its database", async () => {
  using folder = makeAuditFolder();
  await using copy = await makeCopy(folder.path);
  const right = { ok: true, checked: 10, files: 1, first: 1, last: 10, torn: false };
  expect(await checkAuditFile(copy.path)).toEqual(right);
  expect(await checkAuditFile(copy.path, copy.store)).toEqual(right);
});

test.each([
  [
    "a word of it was changed",
    (lines: string[]) => lines.with(4, lines[4]?.replace('"x"', '"y"') ?? ""),
    5,
    "was changed",
  ],
  [
    "a space was added",
    (lines: string[]) => lines.with(4, lines[4]?.replace(":", ": ") ?? ""),
    5,
    "is not as it was written",
  ],
  ["a line is missing", (lines: string[]) => lines.toSpliced(4, 1), 5, "is entry 6: what comes before is missing"],
  ["two lines are missing", (lines: string[]) => lines.toSpliced(4, 2), 5, "is entry 7: what comes before is missing"],
  [
    "two lines were swapped",
    (lines: string[]) => lines.with(4, lines[5] ?? "").with(5, lines[4] ?? ""),
    5,
    "is entry 6: what",
  ],
  [
    "a line is there twice",
    (lines: string[]) => lines.toSpliced(4, 0, lines[3] ?? ""),
    5,
    "is entry 4, which is out of its place",
  ],
  [
    "the first was given another beginning",
    (lines: string[]) => lines.with(0, formatAuditLine(forge(lines[0] ?? "", { previous: "00" }))),
    1,
    "doesn't follow",
  ],
  ["something else stands there", (lines: string[]) => lines.with(4, "hello"), 5, "is not as it was written"],
])("where %s, the first broken entry is found", async (_, change, brokenAt, reason) => {
  using folder = makeAuditFolder();
  await using copy = await makeCopy(folder.path);
  copy.write(change([...copy.lines]));
  for (const original of [undefined, copy.store])
    expect(await checkAuditFile(copy.path, original)).toMatchObject({
      ok: false,
      checked: brokenAt - 1,
      brokenAt,
      reason: expect.stringContaining(reason),
    });
});

test("a line that was forged with its hash is found by the one after it, or beside the database", async () => {
  using folder = makeAuditFolder();
  await using copy = await makeCopy(folder.path);
  copy.write(copy.lines.with(3, formatAuditLine(forge(copy.lines[3] ?? "", { actor: "nobody" }))));
  expect(await checkAuditFile(copy.path)).toMatchObject({
    ok: false,
    brokenAt: 5,
    reason: `line 5 of ${copy.path} doesn't follow from the entry before it, which was changed`,
  });
  expect(await checkAuditFile(copy.path, copy.store)).toMatchObject({ ok: false, checked: 3, brokenAt: 4 });
});

test("a cut end is right alone, and seen beside the database", async () => {
  using folder = makeAuditFolder();
  await using copy = await makeCopy(folder.path);
  copy.write(copy.lines.slice(0, 7));
  expect(await checkAuditFile(copy.path)).toMatchObject({ ok: true, last: 7, torn: false });
  truncateSync(copy.path, readFileSync(copy.path).length - 100);
  expect(await checkAuditFile(copy.path)).toMatchObject({ ok: true, checked: 6, last: 6, torn: true });
  appendFileSync(copy.path, "\n");
  expect(await checkAuditFile(copy.path)).toMatchObject({ ok: false, brokenAt: 7 });
});

test("a chain that was made anew from one entry on is right alone, and found beside the database", async () => {
  using folder = makeAuditFolder();
  await using copy = await makeCopy(folder.path);
  const forged: AuditRow[] = [];
  for (const line of copy.lines) {
    const previous = forged.at(-1)?.hash ?? "";
    forged.push(forge(line, { previous, ...(forged.length === 6 ? { actor: "nobody" } : {}) }));
  }
  copy.write(forged.map(formatAuditLine));
  expect(await checkAuditFile(copy.path)).toMatchObject({ ok: true, checked: 10 });
  expect(await checkAuditFile(copy.path, copy.store)).toMatchObject({
    ok: false,
    checked: 6,
    brokenAt: 7,
    reason: `line 7 of ${copy.path} is another entry than the one in the database`,
  });
  copy.write(copy.lines);
  await copy.storage.db.deleteFrom("audit").where("seq", ">", 8).execute();
  expect(await checkAuditFile(copy.path, copy.store)).toMatchObject({
    brokenAt: 9,
    reason: `line 9 of ${copy.path} is an entry that the database doesn't have`,
  });
});

test("files that were moved away belong to the chain; without the oldest it begins later, without another it is broken", async () => {
  using folder = makeAuditFolder();
  await using copy = await makeCopy(folder.path, 1500);
  const [oldest = "", second = "", ...others] = listAuditParts(copy.path);
  expect(others.length).toBeGreaterThan(0);
  const files = others.length + 3;
  expect(await checkAuditFile(copy.path, copy.store)).toMatchObject({ ok: true, checked: 10, files });
  expect(await checkAuditFile(second)).toMatchObject({ ok: true, first: Number(second.slice(-10)), files: 1 });

  const text = readFileSync(oldest, "utf8");
  rmSync(oldest);
  const first = Number(second.slice(-10));
  expect(await checkAuditFile(copy.path, copy.store)).toMatchObject({
    ok: true,
    first,
    checked: 11 - first,
    files: files - 1,
  });
  writeFileSync(oldest, text);
  rmSync(second);
  expect(await checkAuditFile(copy.path)).toMatchObject({ ok: false, brokenAt: first });
  writeFileSync(oldest, text.slice(0, -10));
  expect(await checkAuditFile(copy.path)).toMatchObject({ ok: false, brokenAt: first - 1 });
});

test("where there is no file there is nothing to find", async () => {
  using folder = makeAuditFolder();
  expect(await checkAuditFile(join(folder.path, "audit.log"))).toEqual({ ok: true, checked: 0, files: 0, torn: false });
});
