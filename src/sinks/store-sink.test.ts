import { afterEach, beforeEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
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
  for (const until = performance.now() + 5_000; count("exchanges") > 0 && performance.now() < until;)
    await Bun.sleep(10);
  expect([count("exchanges"), count("exchange_nodes"), count("usage_sums")]).toEqual([0, 0, 1]);
  await sink.close?.();
});
