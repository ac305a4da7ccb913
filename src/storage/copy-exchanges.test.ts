import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { type KyselyPlugin, sql } from "kysely";
import { type LogPlace, makeExchange, makeLogPlace } from "../../test/exchange-log.ts";
import { type DatabaseTest, faultOf, testOnPostgres } from "../../test/storage.ts";
import type { Exchange } from "../domain/exchange.ts";
import { checkExchangeLogCopy, copyExchangeLog } from "./copy.ts";
import { openDatabase, type OpenOptions, type Storage } from "./database.ts";
import { readBody } from "./exchange-body.ts";
import { createExchangeMigration } from "./exchange-log.ts";
import type { ExchangeTables } from "./exchange-tables.ts";

const tables = ["exchanges", "exchange_nodes", "counted_exchanges", "usage_sums", "exchange_log_state"] as const;

/** Conversations, answers and sums, of all kinds and more than is copied at once. */
const exchanges: readonly Exchange[] = Array.from({ length: 1_201 }, (_, at) =>
  makeExchange({
    started_at: new Date(Date.parse("2026-03-01T00:00:00Z") + at * 60_000).toISOString(),
    model: `größe-${at % 7} 🚀 \\ '`,
    duration_ms: at / 7,
    ...(at % 3 === 0 ? { first_byte_ms: 0.1 + at, cost_nano_usd: String(at * 1e6) } : { cause: "none\0" }),
    input: {
      messages: Array.from({ length: 1 + (at % 40) }, (__, turn) => ({ role: "user", content: `turn ${turn}` })),
    },
    output: { kind: "text", text: `${at} `.repeat(300) },
    attribution: { user: `user ${at % 5}` },
  }),
);

async function fill(place: LogPlace): Promise<void> {
  const writer = await place.openWriter();
  for (let at = 0; at < exchanges.length; at += 200) await writer.append(exchanges.slice(at, at + 200));
}

/** Opens one as the command does. */
async function open({ database }: LogPlace, options?: OpenOptions): Promise<Storage> {
  return openDatabase(database, () => {}, { shrinks: true, ...options });
}

async function migrated(place: LogPlace): Promise<Storage> {
  const storage = await open(place);
  await createExchangeMigration(storage).up();
  return storage;
}

async function readAll(place: LogPlace): Promise<unknown> {
  const { db } = await place.read();
  const rows = await Promise.all(tables.map((name) => db.selectFrom(name).selectAll().execute()));
  return rows.map((each) =>
    each
      .map((row) =>
        JSON.stringify(
          Object.entries(row)
            .map(([name, value]) => [name, value instanceof Uint8Array ? value.toHex() : value])
            .toSorted(([one], [other]) => (String(one) < String(other) ? -1 : 1)),
        ),
      )
      .toSorted(),
  );
}

const ways = [
  ["sqlite", "sqlite", test],
  ["sqlite", "postgres", testOnPostgres],
  ["postgres", "sqlite", testOnPostgres],
] as const satisfies readonly (readonly ["sqlite" | "postgres", "sqlite" | "postgres", DatabaseTest])[];

for (const [one, other, it] of ways)
  it(`from ${one} to ${other} every exchange, what was said and the sums come as they are, and it goes on there`, async () => {
    await using from = await makeLogPlace(one);
    await using to = await makeLogPlace(other);
    await fill(from);
    await using source = await open(from, { readOnly: true });
    await using target = await migrated(to);
    const copied = await copyExchangeLog(source, target);
    const counts = Object.fromEntries(copied.map(({ name, rows }) => [name, rows]));
    expect(Object.keys(counts)).toEqual([...tables]);
    expect(counts).toMatchObject({ exchanges: 1_201, counted_exchanges: 1_201, exchange_log_state: 1 });
    expect(counts["exchange_nodes"]).toBeGreaterThan(40);
    expect(counts["usage_sums"]).toBeGreaterThan(500);
    expect(new Set(copied.map(({ checksum }) => checksum)).size).toBe(5);
    expect(await readAll(to)).toEqual(await readAll(from));

    const { db } = await to.read();
    for (const { id, input, output } of exchanges.slice(0, 45))
      expect(await readBody(db, id)).toEqual({ input, output });
    // What waits in an outbox may come again, and is counted once all the same.
    const writer = await to.openWriter();
    await writer.append([...exchanges.slice(-3), makeExchange()]);
    const sums = await db
      .selectFrom("usage_sums")
      .select(({ fn }) => fn.sum("requests").as("n"))
      .executeTakeFirst();
    expect(Number(sums?.n)).toBe(1_202);
  }, 30_000);

test("every table of the exchange log is copied", async () => {
  await using from = await makeLogPlace("sqlite");
  await using to = await makeLogPlace("sqlite");
  await using source = await migrated(from);
  await using target = await migrated(to);
  const copied = await copyExchangeLog(source, target);
  const there = await source.db.introspection.getTables();
  expect(copied.map(({ name }) => name).toSorted()).toEqual(
    there
      .map(({ name }) => name)
      .filter((name) => name !== "exchange_log_changes")
      .toSorted(),
  );
});

test("only so much is held at once, however large bodies are", async () => {
  await using from = await makeLogPlace("sqlite");
  await using to = await makeLogPlace("sqlite");
  const writer = await from.openWriter();
  for (let time = 0; time < 24; time += 1) {
    const content = randomBytes(750_000).toString("base64");
    await writer.append([
      makeExchange({ input: { messages: [{ content }] }, output: { kind: "text", text: content } }),
    ]);
  }
  let most = 0;
  const measure: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult({ result }) {
      const bytes = result.rows.flatMap((row) => Object.values(row)).filter((value) => value instanceof Uint8Array);
      most = Math.max(
        most,
        bytes.reduce((sum, { length }) => sum + length, 0),
      );
      return Promise.resolve(result);
    },
  };
  await using source = await open(from, { readOnly: true });
  await using target = await migrated(to);
  const copied = await copyExchangeLog({ ...source, slowDb: source.slowDb.withPlugin(measure) }, target);
  expect(copied.map(({ rows }) => rows)).toEqual([24, 25, 24, 1, 1]);
  expect(most).toBeGreaterThan(2_000_000);
  expect(most).toBeLessThanOrEqual(8 * 1_048_576);
});

test("a log that holds exchanges is refused, before and after, and not written to", async () => {
  await using from = await makeLogPlace("sqlite");
  await using to = await makeLogPlace("sqlite");
  await fill(from);
  await (await to.openWriter()).append([makeExchange()]);
  const before = await readAll(to);
  await using source = await open(from, { readOnly: true });
  await using target = await migrated(to);
  const refusal =
    "The target's exchange log is not empty (exchanges, counted_exchanges, usage_sums), and nothing is written over. Use a new database, or copy what is managed alone with --only control";
  expect(await faultOf(checkExchangeLogCopy(source, target))).toBe(refusal);
  expect(await faultOf(copyExchangeLog(source, target))).toBe(refusal);
  expect(await readAll(to)).toEqual(before);
});

test("a copy of the log that isn't what was read is none at all", async () => {
  await using from = await makeLogPlace("sqlite");
  await using to = await makeLogPlace("sqlite");
  await fill(from);
  await using source = await open(from, { readOnly: true });
  await using target = await migrated(to);
  // A database that changes one byte of what was said, and the last table that is copied.
  await sql`create trigger meddle after insert on exchange_nodes when new.refs > 1 begin
    update exchange_nodes set body = zeroblob(length(body)) where id = new.id; end`.execute(target.db);
  expect(await faultOf(copyExchangeLog(source, target))).toContain("The table exchange_nodes is not the same");
  await sql`drop trigger meddle`.execute(target.db);
  await sql`create trigger meddle after insert on usage_sums begin
    update usage_sums set requests = requests + 1 where hour = new.hour; end`.execute(target.db);
  expect(await faultOf(copyExchangeLog(source, target))).toContain("The table usage_sums is not the same");
  await sql`drop trigger meddle`.execute(target.db);
  expect(await (await to.read()).db.selectFrom("exchanges").select("id").execute()).toEqual([]);
  expect(await copyExchangeLog(source, target)).toHaveLength(5);
});

test("logs without this program's schema are refused", async () => {
  await using from = await makeLogPlace("sqlite");
  await using to = await makeLogPlace("sqlite");
  await using source = await open(from);
  await using target = await migrated(to);
  expect(await faultOf(checkExchangeLogCopy(source, target))).toContain(
    "The exchange log that is copied lacks steps of the schema (0001-exchange-log",
  );
  await createExchangeMigration(source).up();
  await sql`insert into exchange_log_changes values ('9999-later', '')`.execute(target.db);
  expect(await faultOf(checkExchangeLogCopy(source, target))).toContain(
    "target's exchange log has steps that this version",
  );
});

test("what is written while the log is copied is not in the copy, as a whole", async () => {
  await using from = await makeLogPlace("sqlite");
  await using to = await makeLogPlace("sqlite");
  await fill(from);
  const writer = await from.openWriter();
  await using source = await open(from, { readOnly: true });
  await using target = await migrated(to);
  let writing = true;
  const write = (async () => {
    while (writing) await writer.append([makeExchange({ input: { messages: [{ id: crypto.randomUUID() }] } })]);
  })();
  const copied = await copyExchangeLog(source, target).finally(() => (writing = false));
  await write;
  const counts = Object.fromEntries(copied.map(({ name, rows }) => [name, rows]));
  expect(counts["exchanges"]).toBe(counts["counted_exchanges"] ?? 0);
  const { db } = await to.read();
  const state = await db.selectFrom("exchange_log_state").select("bytes").executeTakeFirstOrThrow();
  const sizes = await Promise.all((["exchanges", "exchange_nodes"] as const).map((name) => sumSizes(db, name)));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(state.bytes);
});

async function sumSizes(db: Storage<ExchangeTables>["db"], name: "exchanges" | "exchange_nodes"): Promise<number> {
  const rows = await db.selectFrom(name).select("size").execute();
  return rows.reduce((sum, { size }) => sum + size, 0);
}
