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

test("the books add up at whatever moment of its owner's work they are read", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const code = `
    import { openSqliteOutbox } from ${JSON.stringify(join(import.meta.dir, "sqlite-outbox.ts"))};
    import { makeRecords } from ${JSON.stringify(join(import.meta.dir, "test-support.ts"))};
    const outbox = openSqliteOutbox({ path: ${JSON.stringify(path)}, sinks: ["a"] });
    const records = makeRecords("x", 3);
    outbox.append(records);
    console.log("begun");
    for (;;) {
      outbox.append(records);
      outbox.ack("a", outbox.read("a", { count: 2, bytes: Infinity }).at(-1).seq);
    }
  `;
  await using owner = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe", stderr: "inherit" });
  await owner.stdout.getReader().read();
  const received: number[] = [];
  for (let times = 0; times < 200; times += 1) {
    const { sinks } = readStoredStatus({ path });
    expect(sinks.map(({ counts }) => imbalance(counts))).toEqual([0]);
    received.push(...sinks.map(({ counts }) => counts.received));
  }
  expect(new Set(received).size).toBeGreaterThan(1);
}, 60_000);

test("a file that isn't there is not made", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "none.db");
  expect(() => readStoredStatus({ path })).toThrow("none.db isn't there");
  expect(() => readStoredStatus({ path })).toThrow("none.db isn't there");
});
