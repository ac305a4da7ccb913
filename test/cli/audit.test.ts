import { expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAudited, readAuditLines, readSeqs, upTo } from "../../src/storage/audit-test-support.ts";
import { needs } from "../needs.ts";
import { createDatabase, findPostgres, whatPostgresNeeds } from "../postgres.ts";
import { waitFor } from "../weir.ts";
import { startWriter, type WriterOptions } from "./audit-writer.ts";
import { containing, makeHome } from "./program.ts";

/** A home whose DATA_DIR is a folder with so many entries, in the database and in its copy. */
async function makeAudited(count: number, options: Partial<WriterOptions> = {}) {
  const home = await makeHome();
  const folder = join(home.path, "data");
  mkdirSync(folder);
  await write({ folder, count, ...options });
  const verify = async (...args: string[]) => {
    const env = { DATA_DIR: "data", AUDIT_STORE_IN_DB: String(options.inDatabase ?? true) };
    const { code, stdout, stderr } = await home.weir(["audit", "verify", ...args], env);
    return { code, stdout, stderr };
  };
  return { ...home, folder, path: join(folder, "audit.log"), verify };
}

/** Lets a process write, to its end. */
async function write(options: WriterOptions): Promise<readonly string[]> {
  const writer = startWriter(options);
  const said = await writer.stdout.text();
  expect(await writer.exited).toBe(0);
  return said.split("\n").slice(0, -1);
}

/** Kills a process that writes so long after it has said three entries, however long it took to start; gives all that it said. */
async function killAfter(writer: ReturnType<typeof startWriter>, ms: number): Promise<readonly string[]> {
  const decoder = new TextDecoder();
  let said = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const bytes of writer.stdout) {
    said += decoder.decode(bytes, { stream: true });
    if (said.split("\n").length > 3) timer ??= setTimeout(() => writer.kill("SIGKILL"), ms);
  }
  await writer.exited;
  return said.split("\n").slice(0, -1);
}

test("an audit that nobody touched is right, for people and as JSON", async () => {
  await using home = await makeAudited(12);
  expect(await home.verify()).toEqual({
    code: 0,
    stdout: "ok      database: 12 entries are right\nok      data/audit.log: 12 entries are right, 1 to 12\n",
    stderr: "",
  });
  const { code, stdout } = await home.verify("--json");
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    {
      ok: true,
      database: { ok: true, checked: 12 },
      files: [{ path: "data/audit.log", ok: true, checked: 12, files: 1, first: 1, last: 12, torn: false }],
    },
  ]);
  const before = readFileSync(home.path, "utf8");
  await home.verify("--file", "data/audit.log");
  expect(readFileSync(home.path, "utf8")).toBe(before);
}, 30_000);

test("what was done to the file is found, and the first broken entry named", async () => {
  await using home = await makeAudited(9);
  const lines = readAuditLines(home.path);
  const put = (changed: readonly string[]) => writeFileSync(home.path, changed.map((line) => `${line}\n`).join(""));
  const changed = (lines[3] ?? "").replace("project.update", "project.read");
  for (const [text, brokenAt, reason] of [
    [lines.with(3, changed), 4, "line 4 of data/audit.log was changed"],
    [lines.toSpliced(3, 1), 4, "line 4 of data/audit.log is entry 5: what comes before is missing"],
    [
      lines.with(3, lines[4] ?? "").with(4, lines[3] ?? ""),
      4,
      "line 4 of data/audit.log is entry 5: what comes before is missing",
    ],
  ] as const) {
    put(text);
    const alone = await home.verify("--file", "data/audit.log");
    expect(alone).toEqual({
      code: 1,
      stdout: `broken  data/audit.log: ${reason}; 3 entries are right before it, 1 to 3\n`,
      stderr: "",
    });
    const both = await home.verify("--json");
    expect([both.code, JSON.parse(both.stdout)]).toMatchObject([
      1,
      { ok: false, database: { ok: true }, files: [{ ok: false, broken_at: brokenAt, reason }] },
    ]);
  }

  put(lines.slice(0, 7));
  appendFileSync(home.path, lines[7]?.slice(0, 50) ?? "");
  expect(await home.verify()).toEqual({
    code: 0,
    stdout: [
      "ok      database: 9 entries are right",
      "ok      data/audit.log: 7 entries are right, 1 to 7",
      "        the last line is cut off, as a crash leaves it; the next start mends that",
      "        the database has 2 more, which the server copies when it runs\n",
    ].join("\n"),
    stderr: "",
  });
}, 30_000);

test("what was done to the database is found there, and beside its copy", async () => {
  await using home = await makeAudited(9);
  const change = async (sql: (table: Awaited<ReturnType<typeof openAudited>>["storage"]["db"]) => Promise<unknown>) => {
    await using audited = await openAudited(home.folder, { path: join(home.folder, "other.log") });
    await sql(audited.storage.db);
  };
  await change(async (db) => {
    const row = await db.selectFrom("audit").select("hash").where("seq", "=", 6).executeTakeFirstOrThrow();
    await db.deleteFrom("audit").where("seq", ">", 6).execute();
    await db.updateTable("state").set({ audit_seq: 6, audit_hash: row.hash }).execute();
  });
  expect(await home.verify()).toEqual({
    code: 1,
    stdout: [
      "ok      database: 6 entries are right",
      "broken  data/audit.log: line 7 of data/audit.log is an entry that the database doesn't have; 6 entries are right before it, 1 to 6\n",
    ].join("\n"),
    stderr: "",
  });
  await change((db) => db.updateTable("audit").set({ actor: "nobody" }).where("seq", "=", 2).execute());
  const { code, stdout } = await home.verify();
  expect([code, stdout.split("\n")[0]]).toEqual([
    1,
    "broken  database: entry 2 was changed or is missing; 1 entry is right before it",
  ]);
}, 30_000);

test("of files that were moved away the oldest may be elsewhere", async () => {
  await using home = await makeAudited(60, { maxFileBytes: 4000 });
  const parts = readAuditLines(home.path).length;
  expect([parts, readSeqs(home.path)]).toEqual([60, upTo(60)]);
  expect((await home.verify()).stdout).toMatch(/audit\.log: 60 entries are right, 1 to 60, in \d+ files\n$/);
  renameSync(`${home.path}.0000000001`, join(home.path, "../archived"));
  const { code, stdout } = await home.verify();
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /entries are right, (\d+) to 60, in \d+ files\n {8}begins with entry \1: what comes before lies elsewhere\n$/,
  );
  expect((await home.verify("--file", "data/archived")).stdout).toMatch(
    /^ok {6}data\/archived: \d+ entries are right, 1 to /,
  );
}, 30_000);

test("what can't be looked through is said: nothing there, a mistake in the options, a database that can't be reached", async () => {
  await using home = await makeHome();
  const run = async (args: readonly string[], env = {}) => {
    const { code, stderr, stdout } = await home.weir(["audit", "verify", ...args], env);
    return [code, stdout, stderr];
  };
  expect(await run([])).toEqual([1, "", "data/weir.db isn't there: check DATABASE_PATH, or start the server once\n"]);
  expect(await run([], { AUDIT_STORE_IN_DB: "false" })).toEqual([
    1,
    "",
    "data/audit.log isn't there: check AUDIT_LOG_FILE, or start the server once\n",
  ]);
  expect(await run(["--file", "no.log"])).toEqual([
    2,
    "",
    "--file must name a file of the audit; no.log isn't there\n",
  ]);
  expect((await run(["--fil"]))[0]).toBe(2);
  expect(await run([], { AUDIT_STORE_IN_DB: "perhaps" })).toEqual([2, "", containing("AUDIT_STORE_IN_DB")]);
  const unreachable = { DB_DRIVER: "postgres", DATABASE_URL: "postgres://weir@127.0.0.1:1/weir" };
  expect(await run([], unreachable)).toEqual([3, "", containing("The database can't be asked: ")]);
  await home.write("data/weir.db", "");
  expect(await run([])).toEqual([1, "", "The database has no audit: check its name, or start the server once\n"]);
  await home.write("data/weir.db", "this is no database, however long one reads in it".repeat(100));
  expect((await run([]))[0]).toBe(1);
  expect(statSync(join(home.path, "data")).isDirectory()).toBe(true);
}, 30_000);

/** The databases that the audit may be in. */
const databases = [
  ["SQLite", true],
  ["PostgreSQL", findPostgres()],
] as const;

for (const [name, isThere] of databases) {
  const onDatabase = needs(whatPostgresNeeds, isThere);
  const makeDatabase = async () => {
    const none: Readonly<Record<string, string>> = {};
    if (name === "SQLite") return { options: {}, env: none, [Symbol.asyncDispose]: async () => {} };
    const made = await createDatabase();
    const database = { driver: "postgres", url: made.url, poolSize: 3, maxIdle: 0, connectionLifetimeMs: 0 } as const;
    return {
      options: { database },
      env: { DB_DRIVER: "postgres", DATABASE_URL: made.url },
      [Symbol.asyncDispose]: () => made[Symbol.asyncDispose](),
    };
  };

  onDatabase(
    `several processes on one ${name} and one file write each entry once, in order`,
    async () => {
      await using database = await makeDatabase();
      await using home = await makeHome();
      const options = { folder: home.path, count: 100, maxFileBytes: 20_000, ...database.options };
      await Promise.all([1, 2, 3].map(() => write(options)));
      expect(readSeqs(join(home.path, "audit.log"))).toEqual(upTo(300));
      const verified = await home.weir(["audit", "verify"], { DATA_DIR: home.path, ...database.env });
      expect([verified.code, verified.stdout]).toEqual([0, containing("300 entries are right, 1 to 300, in ")]);
    },
    60_000,
  );

  onDatabase(
    `what a process committed to ${name} before it was killed is copied at the next start`,
    async () => {
      await using database = await makeDatabase();
      await using home = await makeHome();
      const options = { folder: home.path, ...database.options };
      const writer = startWriter({ ...options, count: 20, delay: 60_000, stays: true });
      let said = "";
      for await (const bytes of writer.stdout) {
        said += new TextDecoder().decode(bytes);
        if (said.split("\n").length > 20) break;
      }
      writer.kill("SIGKILL");
      await writer.exited;
      const path = join(home.path, "audit.log");
      expect(readAuditLines(path)).toEqual([]);
      await write({ ...options, count: 0 });
      expect(readSeqs(path)).toEqual(upTo(20));
    },
    30_000,
  );

  onDatabase(
    `kill -9 at any moment leaves no entry of ${name} out, and none twice`,
    async () => {
      await using database = await makeDatabase();
      await using home = await makeHome();
      const options = { folder: home.path, maxFileBytes: 10_000, ...database.options };
      const said: string[] = [];
      for (const afterMs of [1, 20, 45, 80]) {
        const writers = [startWriter(options), startWriter(options)];
        said.push(...(await Promise.all(writers.map((writer) => killAfter(writer, afterMs)))).flat());
      }
      await write({ ...options, count: 0 });
      const path = join(home.path, "audit.log");
      const lines = readAuditLines(path);
      expect(said.length).toBeGreaterThan(20);
      expect(readSeqs(path)).toEqual(upTo(lines.length));
      const names = new Set(lines.map((line) => /"after":\{[^}]*"name":"([\d-]+)"/.exec(line)?.[1]));
      expect(said.filter((each) => !names.has(each))).toEqual([]);
      const verified = await home.weir(["audit", "verify"], { DATA_DIR: home.path, ...database.env });
      expect([verified.code, verified.stdout]).toEqual([
        0,
        containing(`${lines.length.toLocaleString("en-US")} entries are right, 1 to`),
      ]);
    },
    60_000,
  );
}

test("a chain in files of several processes is gone on with after kill -9, and each file is looked through", async () => {
  await using home = await makeHome();
  const folder = join(home.path, "data");
  mkdirSync(folder);
  const said: string[] = [];
  for (let time = 0; time < 3; time += 1) {
    const writer = startWriter({ folder, inDatabase: false, maxFileBytes: 5000 });
    said.push(...(await killAfter(writer, 50 + 17 * time)));
  }
  const path = join(folder, "audit.log");
  const lines = readAuditLines(path);
  expect(said.length).toBeGreaterThan(5);
  expect(said.filter((each) => !lines.some((line) => line.includes(`"${each}"`)))).toEqual([]);
  await write({ folder, inDatabase: false, count: 1 });
  expect(readSeqs(path)).toEqual(upTo(readSeqs(path).length));

  const [first = "", second = ""] = readAuditLines(path);
  writeFileSync(join(folder, "audit-0.log"), `${first}\n${second}\n`);
  writeFileSync(join(folder, "audit-12.log.0000000001"), `${second}\n${first}\n`);
  writeFileSync(join(folder, "audit-old.log"), "not one of them");
  const verified = await home.weir(["audit", "verify"], { AUDIT_STORE_IN_DB: "false" });
  expect(verified.code).toBe(1);
  expect(verified.stdout.split("\n")).toEqual([
    "ok      data/audit-0.log: 2 entries are right, 1 to 2",
    "broken  data/audit-12.log: line 2 of data/audit-12.log.0000000001 is entry 1, which is out of its place; 1 entry is right before it, 2 to 2",
    "        begins with entry 2: what comes before lies elsewhere",
    containing("ok      data/audit.log: "),
    "",
  ]);
}, 60_000);

const canMount = process.getuid?.() === 0 && process.platform === "linux" && Bun.which("mount") !== null;
const withSmallDisk = needs("root on Linux, to make a small disk", canMount);

/** A disk of 1 MB. */
async function mountDisk(): Promise<
  AsyncDisposable & { readonly path: string; readonly fill: () => void; readonly free: () => void }
> {
  const path = await mkdtemp(join(tmpdir(), "weir-disk-"));
  const { exitCode, stderr } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path]);
  if (exitCode !== 0) throw new Error(`No disk: ${stderr.toString()}`);
  const filler = join(path, "filler");
  return {
    path,
    fill() {
      try {
        for (;;) appendFileSync(filler, new Uint8Array(4096));
      } catch {
        // It is full.
      }
    },
    free: () => rmSync(filler),
    async [Symbol.asyncDispose]() {
      Bun.spawnSync(["umount", "-l", path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}

withSmallDisk(
  "a full disk stops no change where the file is a copy, and with room again every entry is there once",
  async () => {
    await using disk = await mountDisk();
    await using home = await makeHome();
    const path = join(disk.path, "audit.log");
    await using audited = await openAudited(home.path, { path, times: { delay: 1, retry: 20 } });
    await audited.note(5);
    await waitFor(() => existsSync(path) && readAuditLines(path).length === 5, "There is no copy");
    disk.fill();
    await audited.note(100);
    await waitFor(() => audited.troubles.length > 0, "Nothing is told");
    await Bun.sleep(100);
    expect(audited.troubles).toEqual([containing("ENOSPC")]);
    expect(readFileSync(path, "utf8")).toEndWith("}\n");
    disk.free();
    await waitFor(() => readSeqs(path).length >= 105, "The copy stays behind");
    expect(readSeqs(path)).toEqual(upTo(105));
  },
  30_000,
);

withSmallDisk(
  "a full disk stops changes where the file is the chain, and leaves no torn line",
  async () => {
    await using disk = await mountDisk();
    await using home = await makeHome();
    const path = join(disk.path, "audit.log");
    await using audited = await openAudited(home.path, { path, inDatabase: false });
    await audited.note(3);
    disk.fill();
    let fault = "";
    let noted = 3;
    while (fault === "")
      await audited.note(1).then(
        () => (noted += 1),
        (error: unknown) => (fault = String(error)),
      );
    expect(fault).toStartWith(`Error: Nothing was changed, for the audit can't be written to ${path}: ENOSPC`);
    expect(readFileSync(path, "utf8")).toEndWith("}\n");
    expect(readSeqs(path)).toEqual(upTo(noted));
    disk.free();
    await audited.note(1);
    expect(readSeqs(path)).toEqual(upTo(noted + 1));
  },
  30_000,
);
