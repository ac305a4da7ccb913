import { hash } from "node:crypto";
import { type Kysely, sql, type SqlBool } from "kysely";
import { createAuditStore } from "./audit.ts";
import type { ChainCheck } from "./audit-chain.ts";
import type { Storage } from "./database.ts";
import { createExchangeMigration } from "./exchange-log.ts";
import type { ExchangeTables } from "./exchange-tables.ts";
import { createMigration, type Migration } from "./migrate.ts";
import { type ChangingDatabase, forgetTypes } from "./schema-change.ts";
import type { Tables } from "./tables.ts";

/** One table, as it is in both databases now. */
export type TableCopy = {
  readonly name: string;
  readonly rows: number;
  /** Hexadecimal, of all rows whatever their order. */
  readonly checksum: string;
};

/** What was copied. */
export type CopyReport = {
  readonly tables: readonly TableCopy[];
  /** The chain of the audit, which is as right or wrong as it was. */
  readonly audit: ChainCheck;
};

/** The databases can't be copied; the message says what to do. */
export class CopyRefused extends Error {
  override readonly name = "CopyRefused";
}

/** How a table is read in pieces. */
type TableShape = {
  /** What its rows are told apart by. */
  readonly keys: readonly string[];
  /** The column that says how many bytes a row holds, where there may be many. */
  readonly size?: string;
};

/** What is copied as a whole. */
type CopySet = {
  readonly source: string;
  readonly target: string;
  readonly migrate: (storage: Storage) => Migration;
  /** Every table, after those that it refers to. */
  readonly tables: Readonly<Record<string, TableShape>>;
  /** The table with the one row that the schema itself has made, and what of it can be set to itself. */
  readonly state: { readonly table: string; readonly column: string };
  readonly whatElse: string;
};

const controlTables: Readonly<Record<keyof Tables, TableShape>> = {
  projects: { keys: ["id"] },
  provider_keys: { keys: ["project_id", "provider"] },
  tokens: { keys: ["id"] },
  secrets: { keys: ["name"] },
  audit: { keys: ["seq"] },
  budget_spend: { keys: ["scope", "id", "period", "starts"] },
  budget_leases: { keys: ["holder", "turn"] },
  budget_notices: { keys: ["id"] },
  state: { keys: ["one"] },
};

const exchangeTables: Readonly<Record<keyof ExchangeTables, TableShape>> = {
  exchanges: { keys: ["id"], size: "size" },
  exchange_nodes: { keys: ["id"], size: "size" },
  counted_exchanges: { keys: ["id"] },
  usage_sums: { keys: ["hour", "project_id", "token_id", "user_id", "provider", "model", "status"] },
  exchange_log_state: { keys: ["one"] },
};

const control: CopySet = {
  source: "database that is copied",
  target: "target",
  migrate: createMigration,
  tables: controlTables,
  state: { table: "state", column: "epoch" },
  whatElse: "Use a new database",
};

const exchangeLog: CopySet = {
  source: "exchange log that is copied",
  target: "target's exchange log",
  migrate: createExchangeMigration,
  tables: exchangeTables,
  state: { table: "exchange_log_state", column: "bytes" },
  whatElse: "Use a new database, or copy what is managed alone with --only control",
};

/** Rows that are read and written at once at most, and bytes of those that say how many they hold (one row at least). */
const batch = 500;
const batchBytes = 8 * 1_048_576;

/** Throws `CopyRefused` where `copyDatabase` would, as far as that is known before the target has its tables. */
export async function checkDatabaseCopy(from: Storage, to: Storage | undefined): Promise<void> {
  return check(control, from, to);
}

/** The same for `copyExchangeLog`. */
export async function checkExchangeLogCopy(from: Storage, to: Storage | undefined): Promise<void> {
  return check(exchangeLog, from, to);
}

/**
 * Copies one database, as it is at one moment, into another whose tables are there and empty, and reads it again to compare:
 * all or nothing. The first one is not changed. Throws `CopyRefused`.
 */
export async function copyDatabase(from: Storage, to: Storage): Promise<CopyReport> {
  return copy(control, from, to, async (tables, source, target) => {
    const audit = await createAuditStore({ db: source }).verify();
    if (!Bun.deepEquals(audit, await createAuditStore({ db: target }).verify()))
      throw new Error("The audit's chain is not the same after copying, so nothing was copied");
    return { tables, audit };
  });
}

/** The same for the exchange log: exchanges, what was said in them, and their sums. */
export async function copyExchangeLog(from: Storage, to: Storage): Promise<readonly TableCopy[]> {
  return copy(exchangeLog, from, to, (tables) => Promise.resolve(tables));
}

async function check(set: CopySet, from: Storage, to: Storage | undefined): Promise<void> {
  await refuseOtherSchema(set, from, set.source);
  if (!to) return;
  const { applied, pending, unknown } = await set.migrate(to).status();
  if (unknown.length > 0) await refuseOtherSchema(set, to, set.target);
  if (applied.length > 0 && pending.length === 0) await refuseRows(set, forgetTypes(to.db));
}

async function copy<R>(
  set: CopySet,
  from: Storage,
  to: Storage,
  finish: (tables: readonly TableCopy[], source: Kysely<Tables>, target: Kysely<Tables>) => Promise<R>,
): Promise<R> {
  await refuseOtherSchema(set, from, set.source);
  await refuseOtherSchema(set, to, set.target);
  return from.slowDb
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute((source) =>
      to.slowDb.transaction().execute(async (target) => {
        // Nobody changes anything there until this has ended.
        const { table, column } = set.state;
        await forgetTypes(target)
          .updateTable(table)
          .set((row) => ({ [column]: row.ref(column) }))
          .execute();
        await refuseRows(set, forgetTypes(target));
        const tables: TableCopy[] = [];
        for (const [name, shape] of Object.entries(set.tables)) {
          // The row that the schema itself has made.
          if (name === table) await forgetTypes(target).deleteFrom(name).execute();
          tables.push(await copyTable(forgetTypes(source), forgetTypes(target), { name, ...shape }));
        }
        return finish(tables, source, target);
      }),
    );
}

async function refuseOtherSchema({ migrate }: CopySet, storage: Storage, what: string): Promise<void> {
  const { pending, unknown } = await migrate(storage).status();
  if (unknown.length > 0)
    throw new CopyRefused(
      `The ${what} has steps that this version of Weir doesn't know (${unknown.join(", ")}): use the version that made it`,
    );
  if (pending.length > 0)
    throw new CopyRefused(`The ${what} lacks steps of the schema (${pending.join(", ")}): run "weir migrate up" on it`);
}

async function refuseRows({ tables, state, target: what, whatElse }: CopySet, target: ChangingDatabase): Promise<void> {
  const held: string[] = [];
  for (const name of Object.keys(tables)) {
    if (name === state.table) continue;
    const row = await target.selectFrom(name).selectAll().limit(1).executeTakeFirst();
    if (row) held.push(name);
  }
  if (held.length > 0)
    throw new CopyRefused(`The ${what} is not empty (${held.join(", ")}), and nothing is written over. ${whatElse}`);
}

type Table = TableShape & { readonly name: string };

async function copyTable(source: ChangingDatabase, target: ChangingDatabase, table: Table): Promise<TableCopy> {
  const { name } = table;
  const read = await sumTable(source, table, async (rows) => {
    await target.insertInto(name).values(rows).execute();
  });
  const written = await sumTable(target, table);
  if (read.rows !== written.rows || read.checksum !== written.checksum)
    throw new Error(
      `The table ${name} is not the same after copying (${read.rows} rows, ${written.rows} there), so nothing was copied`,
    );
  return written;
}

type Row = Record<string, unknown>;

/** Reads a table to its end, in pieces. */
async function sumTable(
  db: ChangingDatabase,
  table: Table,
  use: (rows: Row[]) => Promise<void> = () => Promise.resolve(),
): Promise<TableCopy> {
  let sum = 0n;
  let count = 0;
  for (let rows = await readRows(db, table); rows.length > 0;) {
    await use(rows);
    for (const row of rows) sum = (sum + sumRow(row)) % 2n ** 256n;
    count += rows.length;
    rows = await readRows(db, table, rows.at(-1));
  }
  return { name: table.name, rows: count, checksum: sum.toString(16).padStart(64, "0") };
}

async function readRows(db: ChangingDatabase, table: Table, last?: Row): Promise<Row[]> {
  const most = await countFitting(db, table, last);
  return selectAfter(db, table, last).selectAll().limit(most).execute();
}

/** How many rows come next at once. */
async function countFitting(db: ChangingDatabase, table: Table, last?: Row): Promise<number> {
  const { size } = table;
  if (size === undefined) return batch;
  const next: readonly Row[] = await selectAfter(db, table, last).select(size).limit(batch).execute();
  let bytes = 0;
  const first = next.findIndex((row) => {
    bytes += Number(row[size]);
    return bytes > batchBytes;
  });
  return first === -1 ? batch : Math.max(1, first);
}

/** The rows after that one in the order of their keys. */
function selectAfter(db: ChangingDatabase, { name, keys }: Table, last: Row | undefined) {
  let query = db.selectFrom(name);
  for (const key of keys) query = query.orderBy(key);
  if (!last) return query;
  const columns = sql.join(keys.map((key) => sql.ref(key)));
  const values = sql.join(keys.map((key) => last[key]));
  return query.where(sql<SqlBool>`(${columns}) > (${values})`);
}

/** Databases sort differently, and give columns and bytes in ways of their own. */
function sumRow(row: Row): bigint {
  const columns = Object.entries(row)
    .map(([name, value]) => [name, value instanceof Uint8Array ? { bytes: hash("sha256", value, "hex") } : value])
    .toSorted(([one], [other]) => (String(one) < String(other) ? -1 : 1));
  return BigInt(`0x${hash("sha256", JSON.stringify(columns), "hex")}`);
}
