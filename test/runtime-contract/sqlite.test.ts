import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { makeFolder } from "./child.ts";

/** Two connections to one file in WAL mode; the first holds the lock for writing. */
async function openPair(path: string) {
  const open = () => new Database(join(path, "test.db"), { create: true, strict: true });
  const [holder, other] = [open(), open()];
  holder.run("PRAGMA journal_mode = WAL");
  holder.run("CREATE TABLE records (id INTEGER PRIMARY KEY, body BLOB)");
  return {
    holder,
    other,
    [Symbol.dispose]() {
      holder.close();
      other.close();
    },
  };
}

test("busy_timeout is 0 until it is set, so a second writer fails at once", async () => {
  await using folder = await makeFolder();
  using pair = await openPair(folder.path);
  expect(pair.other.query("PRAGMA busy_timeout").get()).toEqual({ timeout: 0 });
  pair.holder.run("BEGIN IMMEDIATE");
  expect(() => pair.other.run("BEGIN IMMEDIATE")).toThrow(expect.objectContaining({ code: "SQLITE_BUSY" }));
  pair.other.run("PRAGMA busy_timeout = 100");
  const begun = performance.now();
  expect(() => pair.other.run("BEGIN IMMEDIATE")).toThrow("database is locked");
  expect(performance.now() - begun).toBeGreaterThan(80);
});

test("a reader sees what was committed before it began, while a writer writes", async () => {
  await using folder = await makeFolder();
  using pair = await openPair(folder.path);
  pair.holder.run("BEGIN IMMEDIATE");
  pair.holder.run("INSERT INTO records (body) VALUES (?)", [new Uint8Array(3)]);
  expect(pair.other.query("SELECT count(*) AS n FROM records").get()).toEqual({ n: 0 });
  pair.holder.run("COMMIT");
  expect(pair.other.query("SELECT count(*) AS n FROM records").get()).toEqual({ n: 1 });
});

test("data_version changes with another connection's commit, and not with one's own", async () => {
  await using folder = await makeFolder();
  using pair = await openPair(folder.path);
  const poll = pair.other.query<{ data_version: number }, []>("PRAGMA data_version");
  const version = () => poll.get()?.data_version;
  const before = version();
  pair.other.run("INSERT INTO records (body) VALUES (NULL)");
  expect(version()).toBe(before);
  pair.holder.run("INSERT INTO records (body) VALUES (NULL)");
  expect(version()).not.toBe(before);
});

test("integers beyond 2^53 come whole where they are asked for as bigint", () => {
  using database = new Database(":memory:", { safeIntegers: true });
  expect(database.query("SELECT 9007199254740993 AS n").get()).toEqual({ n: 9007199254740993n });
});

test("a file that is no database is told apart by its code, and zstd bytes come back as they went", async () => {
  await using folder = await makeFolder({
    "test.db": "this is not a database, and long enough to be read as a header of one".repeat(40),
  });
  using database = new Database(join(folder.path, "test.db"));
  expect(() => database.query("SELECT * FROM sqlite_master").all()).toThrow(
    expect.objectContaining({ code: "SQLITE_NOTADB" }),
  );
  const bytes = crypto.getRandomValues(new Uint8Array(10_000));
  expect(Bun.zstdDecompressSync(Bun.zstdCompressSync(bytes))).toEqual(Buffer.from(bytes));
});
