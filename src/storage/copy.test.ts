import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { sql } from "kysely";
import {
  actor,
  type DatabaseTest,
  faultOf,
  makeKey,
  makePostgresPlace,
  makeSqlitePlace,
  type Place,
  type Stores,
  testOnPostgres,
} from "../../test/storage.ts";
import { copyDatabase } from "./copy.ts";
import type { Storage } from "./database.ts";
import { createMigration } from "./migrate.ts";
import * as registered from "./migrations/index.ts";
import { createSpendStore } from "./spend.ts";
import { digestToken } from "./tokens.ts";

/** A database with something in every table, more than is copied at once. */
async function fill({ projects, tokens, changes, storage }: Stores): Promise<string> {
  const { id: projectId } = await projects.add(
    { name: "Größe \\ ' 🚀", keys: { openai: "sk-0123456789-abcdefgh", "a-b": "sk-1", a_b: "sk-2", B: "sk-3" } },
    actor,
  );
  const { token, text } = await tokens.add({ projectId, maxRequests: 2 ** 53 - 1, metadata: { a: "\0" } }, actor);
  await tokens.add({ projectId, expiresAt: 1, allowedModels: ["gpt-*"] }, actor);
  await tokens.spend(token.id);
  const part = {
    id: "größe",
    period: "day",
    starts: 5,
    reserved: 9,
    keep: 0,
    peak: 0,
    needs: [],
    thresholds: [],
    exhausted: false,
  } as const;
  await createSpendStore(storage).sync(
    "h",
    [{ ...part, scope: "user", turn: 1, settled: 2 ** 52, amount: 2 ** 53 - 1 }],
    () => [{ id: "n", body: '{"spent_usd":"4503599.6"}' }],
  );
  for (let time = 0; time < 3; time += 1)
    await changes.note(
      actor,
      Array.from({ length: 400 }, () => ({ action: "proxy_request", outcome: "denied", reason: "none" }) as const),
    );
  return text;
}

/** Databases give columns in an order of their own. */
function writeRow(row: object): string {
  return JSON.stringify(Object.entries(row).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

async function readAll({ db }: Storage): Promise<unknown> {
  const tables = [
    "projects",
    "provider_keys",
    "tokens",
    "secrets",
    "audit",
    "budget_spend",
    "budget_leases",
    "budget_notices",
    "state",
  ] as const;
  const rows = await Promise.all(tables.map((name) => db.selectFrom(name).selectAll().execute()));
  return rows.map((each) => each.map((row) => writeRow(row)).toSorted());
}

async function migrated(place: Place): Promise<Storage> {
  const storage = await place.open();
  await createMigration(storage).up();
  return storage;
}

const ways: readonly (readonly [string, DatabaseTest, () => Promise<Place>, () => Promise<Place>])[] = [
  ["SQLite to SQLite", test, makeSqlitePlace, makeSqlitePlace],
  ["SQLite to PostgreSQL", testOnPostgres, makeSqlitePlace, makePostgresPlace],
  ["PostgreSQL to SQLite", testOnPostgres, makePostgresPlace, makeSqlitePlace],
];

for (const [way, it, makeSource, makeTarget] of ways) {
  it(`from ${way} everything comes as it is, and tokens go on working`, async () => {
    await using from = await makeSource();
    await using to = await makeTarget();
    const stores = await from.openStores({ keys: [makeKey(1)] });
    const text = await fill(stores);
    const target = await migrated(to);
    const before = await readAll(stores.storage);
    const report = await copyDatabase(stores.storage, target);
    expect(report.tables.map(({ name, rows }) => [name, rows])).toEqual([
      ["projects", 1],
      ["provider_keys", 4],
      ["tokens", 2],
      ["secrets", 1],
      ["audit", 1203],
      ["budget_spend", 1],
      ["budget_leases", 1],
      ["budget_notices", 1],
      ["state", 1],
    ]);
    expect(new Set(report.tables.map(({ checksum }) => checksum)).size).toBe(9);
    expect(report.audit).toEqual({ ok: true, checked: 1203 });
    expect(await readAll(target)).toEqual(before);
    expect(await readAll(stores.storage)).toEqual(before);

    const copied = await to.openStores({ keys: [makeKey(1)] });
    const access = await copied.tokens.findAccess(digestToken(text));
    expect(access).toEqual(await stores.tokens.findAccess(digestToken(text)));
    expect(access?.keys.get("openai")).toBe("sk-0123456789-abcdefgh");
    // The chain goes on where it ended.
    await copied.projects.add({ name: "another" }, actor);
    expect(await copied.audit.verify()).toEqual({ ok: true, checked: 1204 });
  });
}

test("a source that may only be read is copied, and not a byte of it changes", async () => {
  await using from = await makeSqlitePlace();
  await using to = await makeSqlitePlace();
  const stores = await from.openStores();
  await fill(stores);
  await stores.storage.close();
  const path = from.config.driver === "sqlite" ? from.config.path : "";
  const before = await readFile(path);
  await copyDatabase(await from.open({ readOnly: true }), await migrated(to));
  expect(await readFile(path)).toEqual(before);
});

test("every table of the schema is copied", async () => {
  await using from = await makeSqlitePlace();
  await using to = await makeSqlitePlace();
  const source = await migrated(from);
  const { tables } = await copyDatabase(source, await migrated(to));
  const there = await source.db.introspection.getTables();
  expect(tables.map(({ name }) => name).toSorted()).toEqual(
    there
      .map(({ name }) => name)
      .filter((name) => name !== "schema_changes")
      .toSorted(),
  );
});

test("a target that holds anything is refused, and not written to", async () => {
  await using from = await makeSqlitePlace();
  await using to = await makeSqlitePlace();
  const source = await from.openStores();
  await fill(source);
  const { storage: target, projects } = await to.openStores();
  expect(await faultOf(copyDatabase(source.storage, target))).toBe(
    "The target is not empty (secrets), and nothing is written over. Use a new database",
  );
  await projects.add({ name: "p" }, actor);
  const before = await readAll(target);
  expect(await faultOf(copyDatabase(source.storage, target))).toContain("not empty (projects, secrets, audit)");
  expect(await faultOf(copyDatabase(source.storage, await from.open()))).toContain("not empty");
  expect(await readAll(target)).toEqual(before);
});

test("databases without this program's schema are refused", async () => {
  await using from = await makeSqlitePlace();
  await using to = await makeSqlitePlace();
  const [source, target] = [await from.open(), await migrated(to)];
  expect(await faultOf(copyDatabase(source, target))).toContain(
    "The database that is copied lacks steps of the schema (0001-control-plane",
  );
  expect(await faultOf(copyDatabase(target, source))).toContain('run "weir migrate up" on it');
  const later = { name: "9999-later", up: () => Promise.resolve(), down: () => Promise.resolve() };
  const changes = [...Object.values(registered), later].toSorted((one, other) => (one.name < other.name ? -1 : 1));
  await createMigration(source, { changes }).up();
  expect(await faultOf(copyDatabase(source, target))).toContain("doesn't know (9999-later)");
});

test("a copy that isn't what was read is none at all", async () => {
  await using from = await makeSqlitePlace();
  await using to = await makeSqlitePlace();
  const source = await from.openStores();
  await fill(source);
  const target = await migrated(to);
  // A database that changes what it is given.
  await sql`create trigger meddle after insert on tokens begin update tokens set request_count = 7 where id = new.id; end`.execute(
    target.db,
  );
  expect(await faultOf(copyDatabase(source.storage, target))).toContain(
    "The table tokens is not the same after copying (2 rows, 2 there), so nothing was copied",
  );
  await sql`drop trigger meddle`.execute(target.db);
  await sql`create trigger forget after insert on audit begin delete from audit where seq = 5; end`.execute(target.db);
  expect(await faultOf(copyDatabase(source.storage, target))).toContain(
    "The table audit is not the same after copying",
  );
  await sql`drop trigger forget`.execute(target.db);
  expect((await copyDatabase(source.storage, target)).audit.ok).toBe(true);
});

test("a chain that is broken is copied as it is, and said to be", async () => {
  await using from = await makeSqlitePlace();
  await using to = await makeSqlitePlace();
  const source = await from.openStores();
  await fill(source);
  await source.storage.db.updateTable("audit").set({ reason: "other" }).where("seq", "=", 9).execute();
  const report = await copyDatabase(source.storage, await migrated(to));
  expect(report.audit).toEqual({ ok: false, checked: 8, brokenAt: 9 });
});

test("what is changed while it is copied is not in the copy, as a whole", async () => {
  await using from = await makeSqlitePlace();
  await using to = await makeSqlitePlace();
  const source = await from.openStores();
  const writer = await from.openStores();
  await fill(source);
  const target = await migrated(to);
  let writing = true;
  const write = (async () => {
    for (let at = 0; writing; at += 1) await writer.projects.add({ name: `late ${at}`, keys: { openai: "sk" } }, actor);
  })();
  const { tables, audit } = await copyDatabase(source.storage, target);
  writing = false;
  await write;
  const rows = Object.fromEntries(tables.map(({ name, rows: count }) => [name, count]));
  expect(audit).toEqual({ ok: true, checked: rows["audit"] ?? 0 });
  // Each has one key, the first one three more, and one entry.
  expect([rows["provider_keys"], rows["audit"]]).toEqual([(rows["projects"] ?? 0) + 3, (rows["projects"] ?? 0) + 1202]);
});
