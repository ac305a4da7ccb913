import { expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { checkAuditFile } from "./audit-file-check.ts";
import { listAuditParts } from "./audit-parts.ts";
import { tryAuditLock } from "./audit-lock.ts";
import { makeAuditFolder, openAudited, readAuditLines, readSeqs, upTo } from "./audit-test-support.ts";

async function until(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 20_000; !holds(); await Bun.sleep(5))
    if (performance.now() > end) throw new Error("It never comes");
}

async function faultOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "none",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

test("the copy has what was committed, a line an entry, soon after", async () => {
  using folder = makeAuditFolder();
  await using audited = await openAudited(join(folder.path, "new"));
  await audited.note(3);
  await until(() => readAuditLines(audited.path).length === 3);
  expect(readAuditLines(audited.path).map((line) => JSON.parse(line))).toMatchObject([
    { seq: 1, actor: "management_token", changes: { before: { name: "é" }, after: { name: "x", 1: -0.5 } } },
    { seq: 2 },
    { seq: 3, previous: (await audited.store.after(1, 1))[0]?.hash },
  ]);
  expect([modeOf(audited.path), modeOf(join(folder.path, "new"))]).toEqual([0o600, 0o700]);
  expect(audited.troubles).toEqual([]);
});

test("what wasn't copied when a process ended is copied at the next start, once and in order", async () => {
  using folder = makeAuditFolder();
  {
    await using audited = await openAudited(folder.path);
    await audited.note(2);
  }
  {
    await using audited = await openAudited(folder.path, { path: join(folder.path, "elsewhere.log") });
    await audited.note(250);
  }
  {
    await using audited = await openAudited(folder.path);
    expect(audited.troubles).toEqual([]);
  }
  expect(readSeqs(join(folder.path, "audit.log"))).toEqual(upTo(252));
});

test("a last line that a crash cut off is taken away, and its entry copied again", async () => {
  using folder = makeAuditFolder();
  const path = join(folder.path, "audit.log");
  {
    await using audited = await openAudited(folder.path);
    await audited.note(5);
  }
  for (const cut of [1, 40, 200]) {
    truncateSync(path, statSync(path).size - cut);
    await using audited = await openAudited(folder.path);
    await audited.note(1);
  }
  expect(readSeqs(path)).toEqual(upTo(8));
  truncateSync(path, 20);
  {
    await using _ = await openAudited(folder.path);
  }
  expect(readSeqs(path)).toEqual(upTo(8));
});

test("a file that isn't the audit's is never written to", async () => {
  using folder = makeAuditFolder();
  for (const text of ["notes", "notes\n", '{"seq":1}\n', 'notes\n{"seq":']) {
    const path = join(folder.path, "notes.txt");
    writeFileSync(path, text);
    {
      await using audited = await openAudited(folder.path, { path });
      await audited.note(1);
      await until(() => audited.troubles.length > 0);
      expect(audited.troubles[0]).toContain("notes.txt doesn't end with an entry of the audit: move it away");
      expect(await faultOf(openAudited(folder.path, { path, inDatabase: false }))).toContain(
        "doesn't end with an entry",
      );
    }
    expect(readFileSync(path, "utf8")).toBe(text);
  }
});

test("a file that can't be written is told of once in a while, stops no change, and gets all when it can be", async () => {
  using folder = makeAuditFolder();
  const path = join(folder.path, "audit.log");
  mkdirSync(path);
  await using audited = await openAudited(folder.path);
  await audited.note(3);
  await until(() => audited.troubles.length > 0);
  await Bun.sleep(100);
  expect(audited.troubles).toHaveLength(1);
  expect(audited.troubles[0]).toStartWith(`The audit isn't copied to ${path}: EISDIR`);
  rmSync(path, { recursive: true });
  await until(() => readAuditLines(path).length === 3);
});

test("trouble that goes on is told again after its time", async () => {
  using folder = makeAuditFolder();
  mkdirSync(join(folder.path, "audit.log"));
  let now = 0;
  await using audited = await openAudited(folder.path, { now: () => now });
  for (const count of [1, 2, 3]) {
    await until(() => audited.troubles.length === count);
    await Bun.sleep(50);
    expect(audited.troubles).toHaveLength(count);
    now += 60_000;
  }
});

test("a folder that is missing is a mistake where it isn't to be made", async () => {
  using folder = makeAuditFolder();
  const path = join(folder.path, "logs/audit.log");
  for (const inDatabase of [true, false]) {
    expect(await faultOf(openAudited(folder.path, { path, createFolder: false, inDatabase }))).toContain(
      `AUDIT_LOG_FILE lies in ${folder.path}/logs, which isn't there, and AUDIT_CREATE_DIR is false`,
    );
    await using audited = await openAudited(folder.path, { path, inDatabase });
    await audited.note(1);
    await audited.file.close();
    expect(modeOf(join(folder.path, "logs"))).toBe(0o700);
    rmSync(join(folder.path, "logs"), { recursive: true });
  }
});

test("a folder that can't be made is told of and stops nothing, where the database has the audit", async () => {
  using folder = makeAuditFolder();
  writeFileSync(join(folder.path, "file"), "");
  await using audited = await openAudited(folder.path, { path: join(folder.path, "file", "deep", "audit.log") });
  await audited.note(1);
  for (const end = performance.now() + 20_000; audited.troubles.length === 0 && performance.now() < end;)
    await Bun.sleep(5);
  expect(audited.troubles.length).toBeGreaterThan(0);
});

test("two that copy the same database to the same file write each entry once, in order", async () => {
  using folder = makeAuditFolder();
  {
    await using one = await openAudited(folder.path);
    await using other = await openAudited(folder.path);
    await Promise.all([one.note(150), other.note(150)]);
    await until(() => readAuditLines(one.path).length === 300);
    expect([...one.troubles, ...other.troubles]).toEqual([]);
  }
  expect(readSeqs(join(folder.path, "audit.log"))).toEqual(upTo(300));
});

test("while another process holds the file too long, that is told, and then all is copied", async () => {
  using folder = makeAuditFolder();
  const path = join(folder.path, "audit.log");
  const lock = tryAuditLock(path);
  await using audited = await openAudited(folder.path, { times: { delay: 1, retry: 10, lock: 50 } });
  await audited.note(1);
  await until(() => audited.troubles.length > 0);
  expect(audited.troubles[0]).toEndWith(`another process holds ${path}.lock`);
  lock?.[Symbol.dispose]();
  await until(() => readAuditLines(path).length === 1);
});

test("a process that has nothing to write copies what another one left", async () => {
  using folder = makeAuditFolder();
  await using idle = await openAudited(folder.path, { times: { delay: 1, every: 20 } });
  await using other = await openAudited(folder.path, { path: join(folder.path, "other.log") });
  await until(() => existsSync(idle.path));
  await Bun.sleep(50);
  await other.note(2);
  await until(() => readAuditLines(idle.path).length === 2);
});

test("closing copies what is still to be copied", async () => {
  using folder = makeAuditFolder();
  await using audited = await openAudited(folder.path, { times: { delay: 60_000 } });
  await audited.note(3);
  expect(existsSync(audited.path)).toBe(false);
  await audited.file.close();
  expect(readSeqs(audited.path)).toEqual(upTo(3));
});

test.each([2, 3, 5])(
  "a file whose end a database of %p entries doesn't have is left alone, and said",
  async (count) => {
    using folder = makeAuditFolder();
    const path = join(folder.path, "audit.log");
    {
      await using audited = await openAudited(folder.path);
      await audited.note(3);
    }
    const before = readFileSync(path, "utf8");
    const database = { driver: "sqlite", path: join(folder.path, "restored.db") } as const;
    {
      await using restored = await openAudited(folder.path, { database, path: join(folder.path, "other.log") });
      await restored.note(count);
    }
    await using audited = await openAudited(folder.path, { database });
    await until(() => audited.troubles.length > 0);
    await Bun.sleep(50);
    expect(audited.troubles[0]).toContain(`the database doesn't have entry 3 as it stands at the end of ${path}`);
    expect(readFileSync(path, "utf8")).toBe(before);
    renameSync(path, `${path}.former`);
    await until(() => readAuditLines(path).length === count);
    expect(await checkAuditFile(path, audited.store)).toMatchObject({ ok: true, first: 1, last: count });
  },
);

test.each([true, false])(
  "full files are moved away under the number of their first entry, and none is lost (in the database: %p)",
  async (inDatabase) => {
    using folder = makeAuditFolder();
    const path = join(folder.path, "audit.log");
    for (let start = 0; start < 3; start += 1) {
      await using audited = await openAudited(folder.path, { maxFileBytes: 4000, inDatabase });
      for (let time = 0; time < 10; time += 1) {
        await audited.note(4);
        await Bun.sleep(inDatabase ? 10 : 0);
      }
    }
    const parts = listAuditParts(path);
    expect(parts.length).toBeGreaterThan(3);
    expect(parts[0]).toBe(`${path}.0000000001`);
    for (const name of parts) {
      expect(Number(name.slice(-10))).toBe(JSON.parse(readFileSync(name, "utf8").split("\n")[0] ?? "").seq);
      expect([statSync(name).size <= 4000, modeOf(name)]).toEqual([true, 0o600]);
    }
    expect(readSeqs(path)).toEqual(upTo(120));
    expect(await checkAuditFile(path)).toMatchObject({ ok: true, checked: 120, files: parts.length + 1 });
  },
);

test("a file is not moved to where another one is", async () => {
  using folder = makeAuditFolder();
  await using audited = await openAudited(folder.path, { maxFileBytes: 2000, inDatabase: false });
  await audited.note(1);
  writeFileSync(`${audited.path}.0000000001`, "put here by somebody");
  await audited.note(10);
  expect(readFileSync(`${audited.path}.0000000001`, "utf8")).toBe("put here by somebody");
  expect(readFileSync(audited.path, "utf8").split("\n")).toHaveLength(12);
});

test("after a crash in the middle of moving a full file away, its chain is gone on with", async () => {
  using folder = makeAuditFolder();
  const path = join(folder.path, "audit.log");
  for (const inDatabase of [true, false]) {
    rmSync(path, { force: true });
    {
      await using audited = await openAudited(folder.path, { inDatabase });
      await audited.note(3);
    }
    renameSync(path, `${path}.0000000001`);
    {
      await using audited = await openAudited(folder.path, { inDatabase });
      await audited.note(1);
    }
    expect(await checkAuditFile(path)).toMatchObject({ ok: true, files: 2, checked: 4 });
    rmSync(`${path}.0000000001`);
  }
});

test("where the file is the chain, it is written when a change is done, and gone on with over starts and processes", async () => {
  using folder = makeAuditFolder();
  const path = join(folder.path, "audit.log");
  for (let start = 0; start < 3; start += 1) {
    await using one = await openAudited(folder.path, { inDatabase: false });
    await using other = await openAudited(folder.path, { inDatabase: false });
    await one.note(2);
    await other.note(1);
    expect(readSeqs(path)).toEqual(upTo(start * 3 + 3));
    expect(await one.store.after(0, 10)).toEqual([]);
  }
  expect(await checkAuditFile(path)).toMatchObject({ ok: true, checked: 9 });
  appendFileSync(path, '{"seq":10,"id":');
  await using audited = await openAudited(folder.path, { inDatabase: false });
  await audited.note(1);
  expect(await checkAuditFile(path)).toMatchObject({ ok: true, checked: 10, torn: false });
});

test("a chain whose end is cut off while it is open is not mended", async () => {
  using folder = makeAuditFolder();
  await using audited = await openAudited(folder.path, { inDatabase: false });
  await audited.note(5);
  const lines = readAuditLines(audited.path);
  writeFileSync(
    audited.path,
    lines
      .slice(0, 3)
      .map((line) => `${line}\n`)
      .join(""),
  );
  await audited.note(1);
  expect(await checkAuditFile(audited.path)).toMatchObject({ ok: false, brokenAt: 4 });
  rmSync(audited.path);
  await audited.note(1);
  expect(await checkAuditFile(audited.path)).toMatchObject({ ok: true, first: 7, checked: 1 });
});

test("where the file is the chain and can't be written, nothing is changed", async () => {
  using folder = makeAuditFolder();
  await using audited = await openAudited(folder.path, { inDatabase: false });
  await audited.note(1);
  rmSync(audited.path);
  mkdirSync(audited.path);
  const before = await audited.storage.db.selectFrom("state").selectAll().executeTakeFirst();
  const change = audited.changes.run({ name: "cli", origin: "cli" }, async () => ({
    value: 1,
    events: [{ action: "project.create", outcome: "success" }],
  }));
  expect(await faultOf(change)).toStartWith(
    `Nothing was changed, for the audit can't be written to ${audited.path}: EISDIR`,
  );
  expect(await audited.storage.db.selectFrom("state").selectAll().executeTakeFirst()).toEqual(before);
});
