import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSqliteOutbox } from "./sqlite-outbox.ts";
import { imbalance, makeDirectory, makeRecord, makeRecords, readIds } from "./test-support.ts";

const all = { count: 1000, bytes: 1e9 };

test("each sink reads every record in order, with ascending numbers, and past what it has acknowledged", () => {
  using directory = makeDirectory();
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: ["a", "b"] });
  outbox.append(makeRecords("x", 3));
  outbox.append(makeRecords("y", 2));
  const records = outbox.read("a", all);
  expect(records.map(({ id }) => id)).toEqual(["x-0", "x-1", "x-2", "y-0", "y-1"]);
  expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  expect(records[3]?.exchange.id).toBe("y-0");
  outbox.ack("a", 3);
  expect(readIds(outbox, "a")).toEqual(["y-0", "y-1"]);
  expect(readIds(outbox, "b")).toHaveLength(5);
  outbox.close();
});

test("a read is bounded by count and bytes, but gives one record where any waits", () => {
  using directory = makeDirectory();
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: ["a"] });
  outbox.append(makeRecords("x", 10, { characters: 1000 }));
  expect(outbox.read("a", { count: 4, bytes: 1e9 })).toHaveLength(4);
  expect(outbox.read("a", { count: 100, bytes: 3500 })).toHaveLength(3);
  expect(outbox.read("a", { count: 100, bytes: 1 })).toHaveLength(1);
  outbox.close();
});

test("what was appended, acknowledged and rejected is there after a reopen, and numbers go on", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const now = () => 1_000_000;
  const first = openSqliteOutbox({ path, sinks: ["a", "b"], now });
  first.append(makeRecords("x", 6));
  const [, second] = first.read("a", all);
  if (second !== undefined) first.reject("a", second, "too odd");
  first.ack("a", 4, 1);
  first.countLost("queue_full", 7);
  const before = [first.counts("a"), first.counts("b")];
  first.close();
  const again = openSqliteOutbox({ path, sinks: ["a", "b"], now });
  expect([again.counts("a"), again.counts("b")]).toEqual(before);
  expect(again.counts("a")).toMatchObject({
    received: 13,
    delivered: 2,
    pending: 2,
    rejected: 1,
    dropped: { queue_full: 7 },
    sampledOut: 1,
  });
  expect(readIds(again, "a")).toEqual(["x-4", "x-5"]);
  expect(again.deadLetters("a", 10)).toMatchObject([{ sink: "a", seq: 2, id: "x-1", reason: "too odd" }]);
  again.append(makeRecords("y", 1));
  expect(again.read("b", all).at(-1)?.seq).toBe(7);
  again.close();
});

test("numbers never come twice, though everything was delivered and the file reopened", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  for (let run = 0; run < 3; run += 1) {
    const outbox = openSqliteOutbox({ path, sinks: ["a"] });
    outbox.append(makeRecords("x", 2));
    expect(outbox.read("a", all).map(({ seq }) => seq)).toEqual([run * 2 + 1, run * 2 + 2]);
    outbox.ack("a", run * 2 + 2);
    outbox.close();
  }
});

test("what all sinks have settled is forgotten, and the log of the file with it", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const outbox = openSqliteOutbox({ path, sinks: ["a", "b"] });
  outbox.append(makeRecords("x", 100, { characters: 5000 }));
  outbox.ack("a", 100);
  expect(outbox.size().records).toBe(100);
  outbox.ack("b", 100);
  expect(outbox.size()).toMatchObject({ records: 0, bodiesShed: 0 });
  outbox.close();
  const database = new Database(path, { readonly: true });
  expect(database.query("SELECT count(*) AS n FROM payloads").get()).toEqual({ n: 0 });
  database.close();
});

test("acknowledgements reach the file by themselves", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const outbox = openSqliteOutbox({ path, sinks: ["a"] });
  outbox.append(makeRecords("x", 5));
  outbox.ack("a", 5);
  const reader = new Database(path, { readonly: true });
  const cursor = () => reader.query<{ cursor: number }, []>("SELECT cursor FROM books WHERE sink = 'a'").get()?.cursor;
  while (cursor() !== 5) await Bun.sleep(10);
  expect(cursor()).toBe(5);
  reader.close();
  outbox.close();
});

test("a new sink starts at the present", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const first = openSqliteOutbox({ path, sinks: ["a"] });
  first.append(makeRecords("old", 3));
  first.close();
  const second = openSqliteOutbox({ path, sinks: ["a", "b"] });
  second.append(makeRecords("new", 1));
  expect(readIds(second, "b")).toEqual(["new-0"]);
  expect(second.counts("b")).toMatchObject({ received: 1, pending: 1 });
  expect(readIds(second, "a")).toHaveLength(4);
  second.close();
});

test("a sink that is out of use receives nothing: what waited for it is counted once, as not_configured", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const first = openSqliteOutbox({ path, sinks: ["a", "b"] });
  first.append(makeRecords("x", 3));
  first.ack("b", 1);
  first.close();
  const without = openSqliteOutbox({ path, sinks: ["a"] });
  without.append(makeRecords("y", 2));
  without.ack("a", 5);
  without.append(makeRecords("z", 4));
  expect(without.size().records).toBe(4);
  const left = { received: 3, delivered: 1, pending: 0, dropped: { not_configured: 2 } };
  expect(without.counts("b")).toMatchObject(left);
  without.close();
  const back = openSqliteOutbox({ path, sinks: ["a", "b"] });
  expect(readIds(back, "b")).toEqual([]);
  expect(back.counts("b")).toMatchObject(left);
  back.append(makeRecords("new", 1));
  expect(readIds(back, "b")).toEqual(["new-0"]);
  expect(imbalance(back.counts("b"))).toBe(0);
  back.close();
});

test("a sink that is out of use for a start without a record loses nothing", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const first = openSqliteOutbox({ path, sinks: ["a", "b"] });
  first.append(makeRecords("x", 3));
  first.close();
  openSqliteOutbox({ path, sinks: ["a"] }).close();
  const back = openSqliteOutbox({ path, sinks: ["a", "b"] });
  expect(readIds(back, "b")).toEqual(["x-0", "x-1", "x-2"]);
  back.close();
});

test("what goes by age while a sink is out of use is counted once, as not_configured", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  let now = 1_000_000;
  const open = (sinks: readonly string[]) => openSqliteOutbox({ path, sinks, maxAgeMs: 60_000, now: () => now });
  const first = open(["a", "b"]);
  first.append(makeRecords("x", 3));
  first.close();
  const without = open(["a"]);
  without.append(makeRecords("y", 2));
  // Settled by all in use and too old at the same moment: two reasons to forget the first three.
  without.ack("a", 4);
  now += 61_000;
  expect(readIds(without, "a")).toEqual([]);
  expect(without.counts("a")).toMatchObject({ received: 5, delivered: 4, dropped: { outbox_age: 1 } });
  without.close();
  const back = open(["a", "b"]);
  expect(back.counts("b")).toMatchObject({ received: 3, pending: 0, dropped: { not_configured: 3 } });
  back.close();
});

test("lag is the age of the oldest record that waits", () => {
  using directory = makeDirectory();
  let now = 1_000_000;
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: ["a"], now: () => now });
  expect(outbox.counts("a").lagSeconds).toBe(0);
  outbox.append(makeRecords("x", 1));
  now += 4000;
  outbox.append(makeRecords("y", 1));
  now += 1000;
  expect(outbox.counts("a").lagSeconds).toBe(5);
  expect(outbox.size().oldestAt).toBe(1_000_000);
  outbox.ack("a", 1);
  expect(outbox.counts("a").lagSeconds).toBe(1);
  outbox.ack("a", 2);
  expect(outbox.counts("a").lagSeconds).toBe(0);
  outbox.close();
});

test("the files are for their owner alone", () => {
  using directory = makeDirectory();
  const data = join(directory.path, "data");
  const outbox = openSqliteOutbox({ path: join(data, "outbox.db"), sinks: ["a"] });
  outbox.append(makeRecords("x", 1));
  expect(statSync(data).mode & 0o777).toBe(0o700);
  const modes = readdirSync(data).map((name) => [name, statSync(join(data, name)).mode & 0o777]);
  expect(modes.map(([name]) => String(name)).toSorted()).toEqual([
    "outbox.db",
    "outbox.db-shm",
    "outbox.db-wal",
    "outbox.db.lock",
    "outbox.db.reserve",
  ]);
  expect(modes.every(([, mode]) => mode === 0o600)).toBe(true);
  outbox.close();
});

test("a second owner is refused until the first is gone", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const outbox = openSqliteOutbox({ path, sinks: ["a"] });
  expect(() => openSqliteOutbox({ path, sinks: ["a"] })).toThrow("in use by another process");
  outbox.close();
  openSqliteOutbox({ path, sinks: ["a"] }).close();
});

test("a file of a newer format is refused in words, and left as it is", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  openSqliteOutbox({ path, sinks: ["a"] }).close();
  const database = new Database(path);
  database.run("PRAGMA user_version = 99");
  database.close();
  expect(() => openSqliteOutbox({ path, sinks: ["a"] })).toThrow(/newer version of Weir.*format is 99/);
  expect(readdirSync(directory.path).filter((name) => name.includes("corrupt"))).toEqual([]);
});

test("a database of another program is refused, and left as it is", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const database = new Database(path, { create: true });
  database.run("CREATE TABLE songs (name TEXT)");
  database.close();
  expect(() => openSqliteOutbox({ path, sinks: ["a"] })).toThrow("is not an outbox of Weir");
});

test("an outbox in memory begins empty beside the durable one, and leaves no data behind", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const durable = openSqliteOutbox({ path, sinks: ["a"] });
  durable.append(makeRecords("kept", 1));
  durable.close();
  writeFileSync(join(directory.path, "outbox-memory.db"), "left behind by a process that was killed");
  const outbox = openSqliteOutbox({ path, sinks: ["a"], memory: true });
  expect(readIds(outbox, "a")).toEqual([]);
  outbox.append(makeRecords("x", 1));
  expect(readIds(outbox, "a")).toEqual(["x-0"]);
  outbox.close();
  expect(readdirSync(directory.path).filter((name) => /memory\.db(?:-|$)/.test(name))).toEqual([]);
  expect(existsSync(path)).toBe(true);
});

test("line breaks in a record's JSON, ids of any kind and long records come back whole", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const first = openSqliteOutbox({ path, sinks: ["a"] });
  const long = makeRecord("long", { characters: 3_000_000 });
  first.append([{ id: "ü\n💡", json: '{\n"id": "ü",\n"input": "a\\nb"\n}', refusal: false }, long]);
  first.close();
  const outbox = openSqliteOutbox({ path, sinks: ["a"] });
  const [odd, whole] = outbox.read("a", all);
  expect(odd).toMatchObject({ id: "ü 💡", exchange: { id: "ü", input: "a\nb" } });
  expect(whole?.json).toBe(long.json);
  outbox.close();
});

test("without a sink in use nothing is kept", () => {
  using directory = makeDirectory();
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: [] });
  outbox.append(makeRecords("x", 3));
  expect(outbox.size().records).toBe(0);
  expect(outbox.read("nobody", all)).toEqual([]);
  expect(outbox.counts("nobody")).toMatchObject({ received: 0, pending: 0 });
  outbox.close();
});

test("a backlog of single records is merged into few segments, and every record is still read once", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  let now = 1_000_000;
  const outbox = openSqliteOutbox({ path, sinks: ["a", "b"], now: () => now });
  const ids: string[] = [];
  for (let at = 0; at < 1200; at += 1) {
    now += 20;
    outbox.append([makeRecord(`r-${at}`)]);
    ids.push(`r-${at}`);
  }
  outbox.ack("a", 100);
  for (let upkeep = 0; upkeep < 20; upkeep += 1) {
    now += 1000;
    outbox.read("a", { count: 1, bytes: 1 });
  }
  expect(readIds(outbox, "a")).toEqual(ids.slice(100));
  expect(outbox.counts("b").pending).toBe(1200);
  outbox.close();
  const database = new Database(path, { readonly: true });
  expect(database.query<{ n: number }, []>("SELECT count(*) AS n FROM segments").get()?.n).toBeLessThan(520);
  database.close();
  const again = openSqliteOutbox({ path, sinks: ["a", "b"], now: () => now });
  expect(again.counts("a").pending).toBe(1100);
  expect(readIds(again, "b")).toEqual(ids);
  again.close();
});

test("a process that is at work on the file for longer than a second costs no record", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const outbox = openSqliteOutbox({ path, sinks: ["a"] });
  const code = `
    const { Database } = require("bun:sqlite");
    const database = new Database(process.argv[1]);
    database.run("BEGIN IMMEDIATE");
    console.log("held");
    setTimeout(() => { database.run("COMMIT"); database.close(); }, 1500);
  `;
  const holder = Bun.spawn([process.execPath, "-e", code, path], { stdout: "pipe", stderr: "inherit" });
  await holder.stdout.getReader().read();
  outbox.append(makeRecords("x", 3));
  expect(outbox.counts("a")).toMatchObject({ received: 3, pending: 3, dropped: {} });
  expect(await holder.exited).toBe(0);
  outbox.close();
}, 60_000);
