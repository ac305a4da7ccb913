import { afterEach, beforeEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeExchange, writerParts } from "../../test/exchange-log.ts";
import type { Exchange } from "../domain/exchange.ts";
import type { SinkRecord } from "./sink.ts";
import { openStoreSink, type StoreSinkParts } from "./store-sink.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "weir-store-"));
  path = join(folder, "exchanges.db");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const dayMs = 86_400_000;
const signal = new AbortController().signal;

function open(different: Partial<StoreSinkParts> = {}) {
  return openStoreSink({ ...writerParts({ driver: "sqlite", path }), ...different });
}

function toRecord(exchange: Exchange): SinkRecord {
  return { seq: 1, id: exchange.id, json: JSON.stringify(exchange), exchange };
}

function count(table: string): number {
  using database = new Database(path, { readonly: true });
  return database.query<{ n: number }, []>(`select count(*) as n from ${table}`).get()?.n ?? 0;
}

test("records are in the log and in its sums once they are delivered", async () => {
  const sink = open();
  const records = [makeExchange(), makeExchange()].map(toRecord);
  for (let time = 0; time < 2; time += 1) expect(await sink.deliver(records, signal)).toEqual({ kind: "delivered" });
  await sink.close?.();
  expect([count("exchanges"), count("usage_sums")]).toEqual([2, 1]);
  expect(sink.target).toBe(path);
});

test("it makes nothing before its first record, and nothing of it is left open", async () => {
  const sink = open();
  await sink.close?.();
  expect(() => count("exchanges")).toThrow();
});

test("a file that can't be opened is tried again with the next delivery", async () => {
  mkdirSync(path);
  const sink = open();
  const records = [toRecord(makeExchange())];
  expect(await sink.deliver(records, signal).catch((error: unknown) => String(error))).toMatch(/EISDIR|directory/);
  rmSync(path, { recursive: true });
  expect(await sink.deliver(records, signal)).toEqual({ kind: "delivered" });
  await sink.close?.();
});

test("a record that can't be read is refused, and the database's own trouble is tried again", async () => {
  const sink = open();
  await sink.deliver([toRecord(makeExchange())], signal);
  const unreadable = toRecord({ ...makeExchange(), attribution: undefined } as unknown as Exchange);
  expect(await sink.deliver([unreadable], signal)).toMatchObject({ kind: "refused" });
  {
    using database = new Database(path);
    database.run("alter table usage_sums rename to elsewhere");
  }
  expect(await sink.deliver([toRecord(makeExchange())], signal)).toMatchObject({ kind: "retry" });
  await sink.close?.();
});

test("what is too old goes by itself, in steps", async () => {
  let now = Date.parse("2026-03-02T00:00:00Z");
  const sink = open({ retentionMs: 30 * dayMs, now: () => now, trimEvery: 10, trimPause: 1 });
  await sink.deliver(
    Array.from({ length: 500 }, () => toRecord(makeExchange({ input: { messages: [{ id: crypto.randomUUID() }] } }))),
    signal,
  );
  expect(count("exchanges")).toBe(500);
  now += 31 * dayMs;
  for (const until = performance.now() + 20_000; count("exchanges") > 0 && performance.now() < until;)
    await Bun.sleep(10);
  expect([count("exchanges"), count("exchange_nodes"), count("usage_sums")]).toEqual([0, 0, 1]);
  await sink.close?.();
});

/** The files of a log that was set aside. */
function listAsides(): readonly string[] {
  return readdirSync(folder).filter((name) => name.includes("corrupt"));
}

test("a log that is no database is set aside, told of, and a new one begun; not a byte of it is lost", async () => {
  const text = "no database, but long enough to be read as one ".repeat(200);
  writeFileSync(path, text);
  const sink = open();
  const records = [toRecord(makeExchange())];
  const [told, aside = ""] = [await sink.deliver(records, signal), ...listAsides()];
  expect(aside).toMatch(/^exchanges\.corrupt-\d{8}T\d{9}Z\.db$/);
  expect(told).toEqual({
    kind: "retry",
    reason: `${path} was corrupt (file is not a database): it was set aside as ${join(folder, aside)}, and a new one is begun`,
  });
  expect(await sink.deliver(records, signal)).toEqual({ kind: "delivered" });
  expect(readFileSync(join(folder, aside), "utf8")).toBe(text);
  expect(count("exchanges")).toBe(1);
  await sink.close?.();
});

/** Overwrites the inner pages, and leaves those that are needed to open it. */
function damage(): void {
  {
    using database = new Database(path);
    database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  const file = openSync(path, "r+");
  const nothing = new Uint8Array(8192).fill(0x5a);
  for (let at = 2 * 8192; at < statSync(path).size; at += 8192) writeSync(file, nothing, 0, 8192, at);
  closeSync(file);
}

async function fill(sink: ReturnType<typeof open>, rows = 1_000): Promise<void> {
  const records = Array.from({ length: rows }, (_, at) =>
    toRecord(makeExchange({ input: { messages: [{ content: `${at} ${crypto.randomUUID()}`.repeat(20) }] } })),
  );
  for (let at = 0; at < rows; at += 200) await sink.deliver(records.slice(at, at + 200), signal);
}

test("a log that turns out malformed while it is in use is set aside, and what comes is recorded", async () => {
  const sink = open();
  await fill(sink);
  damage();
  const batches = Array.from({ length: 20 }, () => Array.from({ length: 50 }, () => toRecord(makeExchange())));
  let told: unknown;
  let records: readonly SinkRecord[] = [];
  for (const batch of batches) {
    records = batch;
    told = await sink.deliver(batch, signal);
    if (listAsides().length > 0) break;
  }
  expect(told).toMatchObject({ kind: "retry", reason: expect.stringContaining("malformed") });
  expect(await sink.deliver(records, signal)).toEqual({ kind: "delivered" });
  expect(count("exchanges")).toBe(50);
  expect(listAsides().filter((name) => name.endsWith(".db"))).toHaveLength(1);
  await sink.close?.();
  expect(count("exchanges")).toBe(50);
});

test("damage that is found while old exchanges are removed is told with the next delivery", async () => {
  const first = open();
  await fill(first);
  await first.close?.();
  let now = Date.parse("2026-03-02T00:00:00Z");
  const sink = open({ retentionMs: dayMs, now: () => now, trimEvery: 10, trimPause: 1 });
  await sink.deliver([toRecord(makeExchange())], signal);
  damage();
  now += 31 * dayMs;
  for (const until = performance.now() + 20_000; listAsides().length === 0 && performance.now() < until;)
    await Bun.sleep(10);
  await Bun.sleep(30);
  const records = [toRecord(makeExchange())];
  expect(await sink.deliver(records, signal)).toMatchObject({
    kind: "retry",
    reason: expect.stringContaining("set aside"),
  });
  expect(await sink.deliver(records, signal)).toEqual({ kind: "delivered" });
  await sink.close?.();
});

test("of two that find the same log damaged one sets it aside, and both go on with the new one", async () => {
  const first = open();
  await fill(first);
  await first.close?.();
  damage();
  const sinks = [open(), open()];
  const batches = sinks.map(() => Array.from({ length: 50 }, () => toRecord(makeExchange())));
  const deliver = () => Promise.all(sinks.map((sink, at) => sink.deliver(batches[at] ?? [], signal)));
  expect((await deliver()).map(({ kind }) => kind)).toEqual(["retry", "retry"]);
  expect(await deliver()).toEqual([{ kind: "delivered" }, { kind: "delivered" }]);
  expect(listAsides().filter((name) => name.endsWith(".db"))).toHaveLength(1);
  expect(count("exchanges")).toBe(100);
  for (const sink of sinks) await sink.close?.();
  expect(count("exchanges")).toBe(100);
});

test("a log that is moved away while it is in use is left alone, and a new one begun", async () => {
  const sink = open();
  await sink.deliver([toRecord(makeExchange())], signal);
  for (const ending of ["-wal", "-shm", ""]) renameSync(path + ending, join(folder, `away.db${ending}`));
  expect(await sink.deliver([toRecord(makeExchange()), toRecord(makeExchange())], signal)).toEqual({
    kind: "delivered",
  });
  await sink.close?.();
  expect(count("exchanges")).toBe(2);
  path = join(folder, "away.db");
  expect(count("exchanges")).toBe(1);
});

test("a log of a newer version is refused with what to do, left as it is, and tried again", async () => {
  const first = open();
  await first.deliver([toRecord(makeExchange())], signal);
  await first.close?.();
  const change = (sql: string) => {
    using database = new Database(path);
    database.run(sql);
  };
  change("insert into exchange_log_changes values ('9999-later!', '')");
  const sink = open();
  const records = [toRecord(makeExchange())];
  expect(await sink.deliver(records, signal).catch((error: unknown) => String(error))).toBe(
    "SchemaFault: The exchange log was changed by a newer version of Weir (9999-later!), and this one can't run on it. Start that version, or move exchanges.db away, and a new log is begun",
  );
  expect([count("exchanges"), listAsides()]).toEqual([1, []]);
  change("update exchange_log_changes set name = '9999-later' where name = '9999-later!'");
  expect(await sink.deliver(records, signal)).toEqual({ kind: "delivered" });
  await sink.close?.();
});
