import { expect, test } from "bun:test";
import { join } from "node:path";
import { openDeadLetterDesk } from "./dead-letter-desk.ts";
import type { Outbox } from "./outbox.ts";
import { openSqliteOutbox } from "./sqlite-outbox.ts";
import { imbalance, makeDirectory, makeRecords, readIds } from "./test-support.ts";

const all = { count: 1000, bytes: 1e9 };

test("a refused record is a dead letter at once, and is settled by the acknowledgement that follows", () => {
  using directory = makeDirectory();
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: ["a", "b"] });
  outbox.append(makeRecords("x", 3));
  rejectIds(outbox, "a", ["x-1"]);
  expect(outbox.deadLetters("a", 10)).toMatchObject([{ sink: "a", seq: 2, id: "x-1", reason: "no x-1" }]);
  expect(outbox.counts("a")).toMatchObject({ received: 3, pending: 2, rejected: 1 });
  expect(readIds(outbox, "a")).toEqual(["x-0", "x-2"]);
  outbox.ack("a", 3);
  expect(outbox.counts("a")).toMatchObject({ received: 3, pending: 0, delivered: 2, rejected: 1 });
  expect(outbox.counts("b")).toMatchObject({ pending: 3, rejected: 0 });
  outbox.close();
});

test("rejecting twice, or what does not wait, changes nothing", () => {
  using directory = makeDirectory();
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: ["a"] });
  outbox.append(makeRecords("x", 3));
  const records = outbox.read("a", all);
  for (const record of records) outbox.reject("a", record, "no");
  for (const record of records) outbox.reject("a", { ...record, exchange: record.exchange }, "no again");
  outbox.ack("a", 3);
  for (const record of records)
    outbox.reject("a", { ...record, seq: record.seq + 3, exchange: record.exchange }, "never was");
  expect(outbox.counts("a")).toMatchObject({ received: 3, rejected: 3, pending: 0 });
  expect(outbox.deadLetters("a", 10).map(({ reason }) => reason)).toEqual(["no", "no", "no"]);
  outbox.close();
});

test("dead letters that are tried again are received anew by their sink alone", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const first = openSqliteOutbox({ path, sinks: ["a", "b"] });
  first.append(makeRecords("x", 4));
  rejectIds(first, "a", ["x-1", "x-2"]);
  first.ack("a", 4);
  expect(first.retryDead("a")).toBe(2);
  expect(readIds(first, "a")).toEqual(["x-1", "x-2"]);
  expect(first.deadLetters(undefined, 10)).toEqual([]);
  expect(first.counts("a")).toMatchObject({ received: 6, delivered: 2, rejected: 2, pending: 2 });
  expect(first.counts("b")).toMatchObject({ received: 4, pending: 4 });
  first.close();
  const again = openSqliteOutbox({ path, sinks: ["a", "b"] });
  expect(readIds(again, "a")).toEqual(["x-1", "x-2"]);
  expect(again.read("a", all)[0]?.exchange.id).toBe("x-1");
  again.ack("a", 6);
  again.ack("b", 6);
  expect(again.counts("a")).toMatchObject({ received: 6, delivered: 4, rejected: 2, pending: 0 });
  expect(again.counts("b")).toMatchObject({ received: 4, delivered: 4, pending: 0 });
  again.close();
});

test("purging forgets dead letters of one sink or all, and takes nothing back from the books", () => {
  using directory = makeDirectory();
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: ["a", "b"] });
  outbox.append(makeRecords("x", 2));
  for (const sink of ["a", "b"]) {
    rejectIds(outbox, sink, ["x-0", "x-1"]);
    outbox.ack(sink, 2);
  }
  expect(outbox.purgeDead("a")).toBe(2);
  expect(outbox.deadLetters(undefined, 10).map(({ sink }) => sink)).toEqual(["b", "b"]);
  expect(outbox.purgeDead(undefined)).toBe(2);
  expect(outbox.counts("b")).toMatchObject({ received: 2, rejected: 2 });
  outbox.close();
});

test("where the dead letters are full, a refused record is counted as dropped instead", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const first = openSqliteOutbox({ path, sinks: ["a"], maxDeadLetters: 3 });
  first.append(makeRecords("x", 5));
  rejectIds(first, "a", ["x-0", "x-1", "x-2", "x-3"]);
  expect(first.counts("a")).toMatchObject({ pending: 1, rejected: 3, dropped: { dead_letters_full: 1 } });
  first.ack("a", 5);
  first.close();
  const again = openSqliteOutbox({ path, sinks: ["a"], maxDeadLetters: 3 });
  expect(again.counts("a")).toMatchObject({
    received: 5,
    delivered: 1,
    rejected: 3,
    dropped: { dead_letters_full: 1 },
  });
  expect(again.deadLetters("a", 10)).toHaveLength(3);
  again.close();
});

test("dead letters are bounded by the size of their records too", () => {
  using directory = makeDirectory();
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: ["a"], maxBytes: 8_000_000 });
  outbox.append(makeRecords("x", 4, { characters: 400_000 }));
  rejectIds(outbox, "a", ["x-0", "x-1", "x-2", "x-3"]);
  expect(outbox.counts("a")).toMatchObject({ rejected: 2, dropped: { dead_letters_full: 2 } });
  outbox.close();
});

test("reasons are cut, and the newest letters are listed first", () => {
  using directory = makeDirectory();
  let now = 1000;
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: ["a"], now: () => now });
  outbox.append(makeRecords("x", 3));
  for (const record of outbox.read("a", all)) {
    outbox.reject("a", record, "r".repeat(100_000));
    now += 1;
  }
  outbox.ack("a", 3);
  expect(outbox.deadLetters("a", 2).map(({ id }) => id)).toEqual(["x-2", "x-1"]);
  expect(outbox.deadLetters("a", 1)[0]?.reason).toHaveLength(2000);
  outbox.close();
});

test("another process lists, retries and purges while the owner writes", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  let now = 1_000_000;
  const outbox = openSqliteOutbox({ path, sinks: ["a", "b"], now: () => now });
  outbox.append(makeRecords("x", 3));
  rejectIds(outbox, "a", ["x-0"]);
  rejectIds(outbox, "b", ["x-1"]);
  outbox.ack("a", 3);
  outbox.ack("b", 3);
  expect(outbox.deadLetters(undefined, 10)).toHaveLength(2);

  const code = `
    import { openDeadLetterDesk } from ${JSON.stringify(join(import.meta.dir, "dead-letter-desk.ts"))};
    const desk = openDeadLetterDesk({ path: ${JSON.stringify(path)} });
    console.log(JSON.stringify([desk.deadLetters(undefined, 10).length, desk.retryDead("a"), desk.purgeDead("b")]));
    desk.close();
  `;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", code]);
  expect(JSON.parse(stdout.toString())).toEqual([2, 1, 1]);

  now += 1000;
  expect(readIds(outbox, "a")).toEqual(["x-0"]);
  expect(outbox.deadLetters(undefined, 10)).toEqual([]);
  expect(outbox.counts("a")).toMatchObject({ received: 4, delivered: 2, rejected: 1, pending: 1 });
  expect(imbalance(outbox.counts("b"))).toBe(0);
  outbox.close();
});

test("what was asked for while nobody owned the outbox is done at the next start", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const first = openSqliteOutbox({ path, sinks: ["a"] });
  first.append(makeRecords("x", 1));
  rejectIds(first, "a", ["x-0"]);
  first.ack("a", 1);
  first.close();
  const desk = openDeadLetterDesk({ path });
  expect(desk.retryDead(undefined)).toBe(1);
  desk.close();
  const again = openSqliteOutbox({ path, sinks: ["a"] });
  expect(readIds(again, "a")).toEqual(["x-0"]);
  again.close();
});

test("a desk on a file that isn't there says so", () => {
  using directory = makeDirectory();
  expect(() => openDeadLetterDesk({ path: join(directory.path, "none.db") })).toThrow("none.db isn't there");
});

function rejectIds(outbox: Outbox, sink: string, ids: readonly string[]): void {
  for (const record of outbox.read(sink, all))
    if (ids.includes(record.id)) outbox.reject(sink, record, `no ${record.id}`);
}
