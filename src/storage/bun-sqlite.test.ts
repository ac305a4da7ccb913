import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { faultOf, makeSqlitePlace } from "../../test/storage.ts";
import { openSqliteFile } from "./bun-sqlite.ts";

test("a new file opens while another process that opens it is about to write", async () => {
  const folder = await mkdtemp(join(tmpdir(), "weir-open-"));
  const path = join(folder, "new.db");
  const other = `
    const database = new (require("bun:sqlite").Database)(${JSON.stringify(path)});
    database.run("begin immediate");
    console.log("holds it");
    await Bun.sleep(300);
    database.run("commit");`;
  await using child = Bun.spawn([process.execPath, "-e", other], { stdout: "pipe" });
  await child.stdout.getReader().read();
  const database = openSqliteFile(path);
  expect(database.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  database.close();
  await rm(folder, { recursive: true });
});

test("a transaction that a full disk has ended is told as one, and the next one is not hindered", async () => {
  await using place = await makeSqlitePlace();
  const { db } = await place.open();
  await sql`create table filled (bytes blob)`.execute(db);
  // Pages that may not become more are full as a disk is.
  await sql`pragma max_page_count = 20`.execute(db);
  const write = (bytes: number) =>
    db.transaction().execute((trx) => sql`insert into filled values (zeroblob(${bytes}))`.execute(trx));
  expect(await faultOf(write(1_000_000))).toBe("database or disk is full");
  await write(10);
  expect((await sql`select length(bytes) as length from filled`.execute(db)).rows).toEqual([{ length: 10 }]);
});
