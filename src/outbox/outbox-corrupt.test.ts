import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { closeSync, openSync, readdirSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setAside } from "./corrupt-outbox.ts";
import type { OutboxLog } from "./log.ts";
import { openSqliteOutbox } from "./sqlite-outbox.ts";
import { imbalance, makeDirectory, makeRecords, readIds } from "./test-support.ts";

test("a file that is no database is set aside, logged, and a new one begun", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  writeFileSync(path, "not a database at all, ".repeat(1000));
  const said: string[] = [];
  const outbox = openSqliteOutbox({ path, sinks: ["a"], log: createLog(said) });
  outbox.append(makeRecords("x", 2));
  expect(readIds(outbox, "a")).toEqual(["x-0", "x-1"]);
  outbox.close();
  expect(said).toEqual(["the outbox was corrupt: set aside, a new one begun"]);
  const aside = readdirSync(directory.path).filter((name) => name.includes("corrupt"));
  expect(aside).toHaveLength(1);
  expect(aside[0]).toMatch(/^outbox\.corrupt-\d{8}T\d{9}Z\.db$/);
});

test("a file that turns out corrupt while it is in use is set aside, and what waited is counted", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const first = openSqliteOutbox({ path, sinks: ["a"] });
  first.append(makeRecords("x", 400, { characters: 8000 }));
  first.ack("a", 10);
  first.close();
  damage(path);
  const said: string[] = [];
  const outbox = openSqliteOutbox({ path, sinks: ["a"], log: createLog(said) });
  outbox.read("a", { count: 1000, bytes: 1e9 });
  const counts = outbox.counts("a");
  expect(counts).toMatchObject({ received: 400, delivered: 10 });
  expect(counts.dropped.outbox_corrupt).toBeGreaterThan(0);
  expect(imbalance(counts)).toBe(0);
  outbox.append(makeRecords("y", 2));
  expect(readIds(outbox, "a").slice(-2)).toEqual(["y-0", "y-1"]);
  outbox.close();
  const again = openSqliteOutbox({ path, sinks: ["a"] });
  expect(again.counts("a").received).toBe(402);
  expect(imbalance(again.counts("a"))).toBe(0);
  again.close();
});

test("a single damaged segment costs its own records alone", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const first = openSqliteOutbox({ path, sinks: ["a", "b"] });
  for (const name of ["x", "y", "z"]) first.append(makeRecords(name, 3));
  first.close();
  const database = new Database(path);
  database.run("UPDATE payloads SET data = x'00112233' WHERE first_seq = 4");
  database.close();
  const outbox = openSqliteOutbox({ path, sinks: ["a", "b"] });
  expect(readIds(outbox, "a")).toEqual(["x-0", "x-1", "x-2", "z-0", "z-1", "z-2"]);
  expect(outbox.counts("b")).toMatchObject({ received: 9, pending: 6, dropped: { outbox_corrupt: 3 } });
  outbox.close();
});

test("of many corrupt files only the newest are kept", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  for (const time of [1, 2, 3, 4]) {
    writeFileSync(path, String(time));
    writeFileSync(`${path}-wal`, String(time));
    setAside(path, time * 1000);
  }
  expect(readdirSync(directory.path).toSorted()).toEqual([
    "outbox.corrupt-19700101T000003000Z.db",
    "outbox.corrupt-19700101T000003000Z.db-wal",
    "outbox.corrupt-19700101T000004000Z.db",
    "outbox.corrupt-19700101T000004000Z.db-wal",
  ]);
});

/** Overwrites the inner pages, and leaves those that are needed to open it. */
function damage(path: string): void {
  const { size } = statSync(path);
  const file = openSync(path, "r+");
  const start = 8192 * 24;
  writeSync(file, Buffer.alloc(size - start, 0xa5), 0, size - start, start);
  closeSync(file);
}

function createLog(said: string[]): OutboxLog {
  const say = (_about: unknown, phrase?: unknown) => void said.push(String(phrase));
  return { info: say, warn: say, error: say };
}
