import { expect, test } from "bun:test";
import { sql } from "kysely";
import { queryPostgres } from "../../test/postgres.ts";
import {
  faultOf,
  makePostgresPlace,
  makeSqlitePlace,
  onEachDatabase,
  type Place,
  testOnPostgres,
} from "../../test/storage.ts";
import { openDatabase, type Storage } from "./database.ts";
import { createMigration } from "./migrate.ts";
import * as registered from "./migrations/index.ts";
import type { SchemaChange } from "./schema-change.ts";

/** Every step that there is. */
const names = Object.values(registered)
  .map(({ name }) => name)
  .toSorted();

/** A step that makes a table of its name, and one that then fails. */
const step = (name: string, fault?: string): SchemaChange => ({
  name,
  async up(db) {
    await db.schema
      .createTable(`made_by_${name.slice(0, 4)}`)
      .addColumn("id", "text")
      .execute();
    if (fault !== undefined) throw new Error(fault);
  },
  async down(db) {
    await db.schema.dropTable(`made_by_${name.slice(0, 4)}`).execute();
  },
});

async function listTables({ db }: Pick<Storage, "db">): Promise<readonly string[]> {
  const tables = await db.introspection.getTables();
  return tables.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`)).toSorted();
}

onEachDatabase((it, makePlace, driver) => {
  const own = (name: string) => (driver === "sqlite" ? name : `weir.${name}`);

  it("a schema goes up, down and up again, and says where it is", async () => {
    await using place = await makePlace();
    const storage = await place.open();
    const migration = createMigration(storage);
    expect(await migration.status()).toEqual({ applied: [], pending: names, unknown: [] });
    expect(await listTables(storage)).toEqual([]);
    expect(await migration.up()).toEqual(names);
    const tables = await listTables(storage);
    for (const name of ["audit", "projects", "provider_keys", "secrets", "state", "tokens"])
      expect(tables).toContain(own(name));
    expect(await migration.up()).toEqual([]);
    expect(await migration.status()).toEqual({ applied: names, pending: [], unknown: [] });
    for (const name of names.toReversed()) expect(await migration.down()).toEqual([name]);
    expect(await listTables(storage)).toEqual([own("schema_changes")]);
    expect(await migration.down()).toEqual([]);
    expect(await migration.up()).toEqual(names);
    expect(await listTables(storage)).toEqual(tables);
  });

  it("of five that start at once, one changes the schema and all go on", async () => {
    await using place = await makePlace();
    const storages = await Promise.all(Array.from({ length: 5 }, () => place.open()));
    const changes = [step("0001-a"), step("0002-b")];
    const done = await Promise.all(storages.map((storage) => createMigration(storage, { changes }).up()));
    expect(done.filter((applied) => applied.length > 0)).toEqual([["0001-a", "0002-b"]]);
    for (const storage of storages)
      expect((await createMigration(storage, { changes }).status()).applied).toEqual(["0001-a", "0002-b"]);
  });

  it("who looks while another program changes the schema sees it before that or behind it", async () => {
    for (let round = 0; round < 10; round += 1) {
      await using place = await makePlace();
      const [one, other] = [await place.open(), await place.open()];
      let changing = true;
      const change = createMigration(one)
        .up()
        .finally(() => (changing = false));
      while (changing) expect([[], [...names]]).toContainEqual([...(await createMigration(other).check())]);
      expect(await change).toEqual(names);
    }
  }, 60_000);

  it("a failing step leaves nothing of itself nor of those before it, and the next try does it", async () => {
    await using place = await makePlace();
    const storage = await place.open();
    const failing = createMigration(storage, { changes: [step("0001-a"), step("0002-b", "no such luck")] });
    const message = "The step 0002-b failed, and nothing of it stays: no such luck";
    expect(await faultOf(failing.up())).toContain(message);
    expect(await listTables(storage)).toEqual([]);
    const mended = createMigration(storage, { changes: [step("0001-a"), step("0002-b")] });
    expect(await mended.up()).toEqual(["0001-a", "0002-b"]);
  });

  it("a step that fails on the way down leaves everything", async () => {
    await using place = await makePlace();
    const storage = await place.open();
    const stubborn = { ...step("0001-a"), down: () => Promise.reject(new Error("stays")) };
    await createMigration(storage, { changes: [stubborn] }).up();
    expect(await faultOf(createMigration(storage, { changes: [stubborn] }).down())).toContain("The step 0001-a failed");
    expect((await createMigration(storage, { changes: [stubborn] }).status()).applied).toEqual(["0001-a"]);
  });

  it("steps go up and down in the order of their names", async () => {
    await using place = await makePlace();
    const storage = await place.open();
    const changes = [step("0001-a"), step("0002-b"), step("0003-c")];
    await createMigration(storage, { changes: changes.slice(0, 1) }).up();
    expect(await createMigration(storage, { changes }).up()).toEqual(["0002-b", "0003-c"]);
    expect(await createMigration(storage, { changes }).down()).toEqual(["0003-c"]);
    expect(await createMigration(storage, { changes }).down()).toEqual(["0002-b"]);
  });

  it("the release before runs on a newer schema, unless a step says that it can't", async () => {
    await using place = await makePlace();
    const storage = await place.open();
    const old = [step("0001-a")];
    await createMigration(storage, { changes: [...old, step("0002-b")] }).up();
    const before = createMigration(storage, { changes: old });
    expect(await before.up()).toEqual([]);
    expect(await before.status()).toEqual({ applied: ["0001-a", "0002-b"], pending: [], unknown: ["0002-b"] });
    expect(await faultOf(before.down())).toContain("The last step, 0002-b, is of a newer version of Weir");

    await createMigration(storage, { changes: [...old, step("0002-b"), step("0003-c!")] }).up();
    expect(await faultOf(before.up())).toContain(
      "The database was changed by a newer version of Weir (0003-c!), and this one can't run on it. Start that version",
    );
  });

  it("a database that was made by another line of versions is refused", async () => {
    await using place = await makePlace();
    const storage = await place.open();
    await createMigration(storage, { changes: [step("0001-a"), step("0003-c")] }).up();
    const other = createMigration(storage, { changes: [step("0001-a"), step("0002-b")] });
    expect(await faultOf(other.up())).toContain(
      "steps that this version doesn't know (0003-c) and lacks others (0002-b)",
    );
  });
});

async function makeForeign({ config }: Place, name: string, storage: Storage): Promise<void> {
  const table = config.driver === "postgres" ? `public.${name}` : name;
  await sql`create table ${sql.table(table)} (id integer)`.execute(storage.db);
}

test("an SQLite file of another program is refused, and nothing is made in it", async () => {
  await using place = await makeSqlitePlace();
  const storage = await place.open();
  await makeForeign(place, "users", storage);
  const migration = createMigration(storage, { adopt: false });
  expect(await faultOf(migration.up())).toContain(
    "DATABASE_PATH holds the tables of another program (users): choose another file",
  );
  expect(await listTables(storage)).toEqual(["users"]);
});

testOnPostgres("a PostgreSQL database of another program is refused, and entered when it is adopted", async () => {
  await using place = await makePostgresPlace();
  const storage = await place.open();
  for (const name of ["users", "orders", "items", "more"]) await makeForeign(place, name, storage);
  const refused = createMigration(storage).up();
  expect(await faultOf(refused)).toContain('or run "weir migrate up --adopt": Weir\'s tables lie in the schema weir');
  expect((await listTables(storage)).filter((name) => name.startsWith("weir."))).toEqual([]);
  expect(await createMigration(storage, { adopt: true }).up()).toEqual(names);
  expect(await createMigration(storage).up()).toEqual([]);
  expect(await listTables(storage)).toContain("public.users");
});

testOnPostgres("who may not make a schema may use one that was made for him", async () => {
  await using place = await makePostgresPlace();
  if (place.config.driver !== "postgres") throw new Error("no PostgreSQL");
  const { url } = place.config;
  const role = `weir_${crypto.randomUUID().slice(0, 8)}`;
  await queryPostgres(url, `create role ${role} login`);
  const asRole = new URL(url);
  asRole.username = role;
  await using storage = await openDatabase({ ...place.config, url: asRole.href }, () => {});
  expect(await faultOf(createMigration(storage).up())).toContain("permission denied");
  await queryPostgres(url, `create schema weir authorization ${role}`);
  expect(await createMigration(storage).up()).toEqual(names);
  await storage.close();
  await queryPostgres(url, `drop owned by ${role} cascade; drop role ${role}`);
});

testOnPostgres("tables of an extension are nobody's program", async () => {
  await using place = await makePostgresPlace();
  if (place.config.driver !== "postgres") throw new Error("no PostgreSQL");
  await queryPostgres(
    place.config.url,
    "create table public.spatial (id int); create view public.seen as select 1 as n",
  );
  await queryPostgres(place.config.url, "create extension plpgsql").catch(() => {});
  await queryPostgres(place.config.url, "alter extension plpgsql add table public.spatial");
  expect(await createMigration(await place.open()).up()).toEqual(names);
});
