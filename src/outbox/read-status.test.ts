import { expect, test } from "bun:test";
import { join } from "node:path";
import { readStoredStatus } from "./read-status.ts";
import { openSqliteOutbox } from "./sqlite-outbox.ts";
import { imbalance, makeDirectory, makeRecords } from "./test-support.ts";

test("the books are read while their owner writes, and they add up", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  let now = 1_000_000;
  const outbox = openSqliteOutbox({ path, sinks: ["a", "b"], now: () => now });
  outbox.append(makeRecords("x", 5));
  for (const record of outbox.read("a", { count: 1, bytes: Infinity })) outbox.reject("a", record, "no");
  outbox.ack("a", 3, 1);
  now += 4000;
  outbox.append(makeRecords("y", 1));
  const status = readStoredStatus({ path, now: () => now });
  const counts = Object.fromEntries(status.sinks.map((sink) => [sink.name, sink.counts]));
  expect(counts["a"]).toEqual({ ...outbox.counts("a"), lagSeconds: 4 });
  expect(counts["a"]).toMatchObject({ received: 6, delivered: 1, rejected: 1, sampledOut: 1, pending: 3 });
  expect(counts["b"]).toMatchObject({ received: 6, pending: 6, lagSeconds: 4 });
  expect(status.sinks.map((sink) => imbalance(sink.counts))).toEqual([0, 0]);
  expect(status.deadLetters).toBe(1);
  outbox.close();
});

test("a file that isn't there is not made", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "none.db");
  expect(() => readStoredStatus({ path })).toThrow("none.db isn't there");
  expect(() => readStoredStatus({ path })).toThrow("none.db isn't there");
});
