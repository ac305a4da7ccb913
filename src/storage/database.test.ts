import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, connect, type Socket } from "node:net";
import { join } from "node:path";
import { sql } from "kysely";
import { queryPostgres } from "../../test/postgres.ts";
import {
  actor,
  faultOf,
  makePostgresPlace,
  makeSqlitePlace,
  onEachDatabase,
  testOnPostgres,
} from "../../test/storage.ts";
import { openDatabase } from "./database.ts";

onEachDatabase((it, makePlace) => {
  it("integers up to 2^53-1 come back as they went", async () => {
    await using place = await makePlace();
    const { projects, tokens } = await place.openStores();
    const { id: projectId } = await projects.add({ name: "p" }, actor);
    for (const maxRequests of [2 ** 31, 2 ** 53 - 1]) {
      const { token } = await tokens.add({ projectId, maxRequests }, actor);
      expect((await tokens.find(token.id))?.maxRequests).toBe(maxRequests);
      expect(await tokens.spend(token.id)).toBe(true);
    }
    expect((await tokens.list({}, { limit: 10 })).items).toHaveLength(2);
  });

  it("text that no database can hold is kept as near as it can be, and found by itself", async () => {
    await using place = await makePlace();
    const { projects } = await place.openStores();
    const { id } = await projects.add({ name: "nul \0 and half \ud800 a pair" }, actor);
    expect((await projects.find(id))?.name).toBe("nul \ufffd and half \ufffd a pair");
    const { items } = await projects.list({ search: "NUL \0 and" }, { limit: 10 });
    expect(items.map((project) => project.id)).toEqual([id]);
    expect(await projects.find("\0")).toBeUndefined();
  });

  it("a database may be closed twice, and before it was ever asked", async () => {
    await using place = await makePlace();
    const storage = await place.open();
    await storage.close();
    await storage.close();
  });
});

test("an SQLite file is made with its folder, for its owner alone", async () => {
  await using place = await makeSqlitePlace();
  const path = join(place.folder, "deep/er/weir.db");
  await using storage = await openDatabase({ driver: "sqlite", path }, () => {});
  await sql`create table t (n integer)`.execute(storage.db);
  for (const name of [path, `${path}-wal`]) expect(statSync(name).mode & 0o777).toBe(0o600);
  expect(statSync(join(place.folder, "deep")).mode & 0o777).toBe(0o700);
});

test("SQLite says when another connection has changed something, and only then", async () => {
  await using place = await makeSqlitePlace();
  const { storage: one } = await place.openStores();
  const { projects } = await place.openStores();
  const before = one.version();
  expect(one.version()).toBe(before);
  await projects.add({ name: "p" }, actor);
  expect(one.version()).not.toBe(before);
});

/** Holds the lock for writing in another connection until its scope ends. */
function holdLock(path: string): Disposable {
  const database = new Database(path);
  database.run("BEGIN IMMEDIATE");
  return {
    [Symbol.dispose]() {
      database.run("ROLLBACK");
      database.close();
    },
  };
}

test("who waits for another process's transaction on SQLite stops nothing else in his own", async () => {
  await using place = await makeSqlitePlace();
  const { projects } = await place.openStores();
  if (place.config.driver !== "sqlite") throw new Error("no SQLite");
  let turns = 0;
  const clock = setInterval(() => (turns += 1), 5);
  let adding: Promise<unknown>;
  {
    using _lock = holdLock(place.config.path);
    adding = projects.add({ name: "p" }, actor);
    // Shorter than the lock is waited for.
    const end = performance.now() + 4_000;
    while (turns <= 5 && performance.now() < end) await Bun.sleep(5);
    expect(turns).toBeGreaterThan(5);
  }
  await adding;
  clearInterval(clock);
  expect((await projects.list({}, { limit: 10 })).items).toHaveLength(1);
});

test("a lock on SQLite that is never let go is a fault in the end", async () => {
  await using place = await makeSqlitePlace();
  await place.openStores();
  if (place.config.driver !== "sqlite") throw new Error("no SQLite");
  await using storage = await place.open({ answerWithinMs: 50 });
  using _lock = holdLock(place.config.path);
  expect(await faultOf(storage.db.updateTable("state").set({ epoch: 7 }).execute())).toContain("database is locked");
});

test("an SQLite file that is opened to be read is not changed, and not made", async () => {
  await using place = await makeSqlitePlace();
  const { storage } = await place.openStores();
  await storage.close();
  if (place.config.driver !== "sqlite") throw new Error("no SQLite");
  const before = await readFile(place.config.path);
  {
    await using reader = await place.open({ readOnly: true });
    expect(await reader.db.selectFrom("state").select("epoch").execute()).toEqual([{ epoch: 0 }]);
    expect(await faultOf(reader.db.updateTable("state").set({ epoch: 7 }).execute())).toContain("readonly");
  }
  expect(await readFile(place.config.path)).toEqual(before);
  const missing = { driver: "sqlite", path: join(place.folder, "missing.db") } as const;
  expect(await faultOf(openDatabase(missing, () => {}, { readOnly: true }))).toContain("ENOENT");
});

testOnPostgres("a connection that the server ends breaks what it was doing, and nothing else", async () => {
  await using place = await makePostgresPlace();
  await place.openStores();
  if (place.config.driver !== "postgres") throw new Error("no PostgreSQL");
  const { url } = place.config;
  const troubles: Error[] = [];
  await using storage = await openDatabase(place.config, (error) => void troubles.push(error));
  const ask = () => storage.db.selectFrom("state").select("epoch").execute();
  const broken = storage.db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
    await queryPostgres(url, `select pg_terminate_backend(${rows[0]?.pid})`);
    // What is told of it arrives while nothing is asked.
    await Bun.sleep(100);
    await trx.updateTable("state").set({ epoch: 7 }).execute();
  });
  expect(await faultOf(broken)).not.toBe("");
  expect(await ask()).toEqual([{ epoch: 0 }]);
  const before = troubles.length;
  await queryPostgres(
    url,
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weir' and datname = current_database()",
  );
  // Whoever asks before it is told gets the one that broke.
  for (const end = performance.now() + 20_000; troubles.length === before && performance.now() < end;)
    await Bun.sleep(5);
  expect(troubles.length).toBeGreaterThan(before);
  expect(await ask()).toEqual([{ epoch: 0 }]);
});

/** A way to a server that can be made to swallow everything, as a network does. */
async function openSwallower(target: URL) {
  let swallows = false;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("data", (bytes) => void (swallows || to.write(bytes)));
      from.on("error", () => {});
      from.on("close", () => to.destroy());
    }
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const url = new URL(target);
  url.port = String(address.port);
  return {
    url: url.href,
    swallow: (does: boolean) => void (swallows = does),
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

testOnPostgres("a connection that doesn't answer is given up, and the next one is another", async () => {
  await using place = await makePostgresPlace();
  await place.openStores();
  if (place.config.driver !== "postgres") throw new Error("no PostgreSQL");
  using way = await openSwallower(new URL(place.config.url));
  const config = { ...place.config, url: way.url, poolSize: 1 };
  // What does answer has to do so in this time, too, whatever else the machine does.
  const answerWithinMs = 2_000;
  await using storage = await openDatabase(config, () => {}, { answerWithinMs });
  const ask = () => storage.db.selectFrom("state").select("epoch").execute();
  const begun = storage.db.transaction().execute(async (trx) => {
    await trx.updateTable("state").set({ epoch: 1 }).execute();
    way.swallow(true);
    await trx.updateTable("state").set({ epoch: 2 }).execute();
  });
  const startedAt = performance.now();
  expect(await faultOf(begun)).toBe("The database did not answer in time");
  // Taking the transaction back is not waited for as well.
  expect(performance.now() - startedAt).toBeLessThan(2 * answerWithinMs);
  way.swallow(false);
  expect(await ask()).toEqual([{ epoch: 0 }]);
  way.swallow(true);
  expect(await faultOf(ask())).toBe("The database did not answer in time");
  way.swallow(false);
  expect(await ask()).toEqual([{ epoch: 0 }]);
});
