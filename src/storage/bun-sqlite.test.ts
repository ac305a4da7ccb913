import { expect, test } from "bun:test";
import { sql } from "kysely";
import { faultOf, makeSqlitePlace } from "../../test/storage.ts";

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
