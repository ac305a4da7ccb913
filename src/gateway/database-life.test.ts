import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { createMigration } from "../storage/migrate.ts";
import { openDatabase } from "../storage/database.ts";
import { tryToWrite } from "../storage/try-to-write.ts";
import { faultOf, makeSqlitePlace } from "../../test/storage.ts";
import { createDatabaseLife } from "./database-life.ts";

test("a database that can be read but not written is not well, from the first write that failed until one would do", async () => {
  await using place = await makeSqlitePlace();
  if (place.config.driver !== "sqlite") throw new Error("It is no file");
  const storage = await openDatabase(place.config, () => {}, { answerWithinMs: 50 });
  await createMigration(storage).up();
  const readEpoch = async () => (await storage.db.selectFrom("state").select("epoch").executeTakeFirstOrThrow()).epoch;
  const before = await readEpoch();
  const life = createDatabaseLife({
    elapsed: () => performance.now(),
    read: readEpoch,
    write: () => tryToWrite(storage),
    freshMs: 0,
  });
  const write = () => life.watch(storage.db.updateTable("state").set({ audit_seq: 0 }).execute());
  await write();
  expect(await life.check()).toBe("ok");

  using other = new Database(place.config.path);
  other.run("begin immediate");
  expect(await life.check()).toBe("ok");
  expect(await faultOf(write())).toBe("database is locked");
  expect([await life.check(), await life.check()]).toEqual(["not_writable", "not_writable"]);
  other.run("rollback");
  expect(await life.check()).toBe("ok");
  expect(await readEpoch()).toBe(before);

  expect(await faultOf(life.watch(Promise.reject(new Error("a fault of ours"))))).toBe("a fault of ours");
  expect(await life.check()).toBe("ok");
  await storage.close();
  expect(await life.check()).toBe("unreachable");
});
