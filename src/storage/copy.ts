import { hash } from "node:crypto";
import { sql, type SqlBool } from "kysely";
import { createAuditStore } from "./audit.ts";
import type { ChainCheck } from "./audit-chain.ts";
import type { Storage } from "./database.ts";
import { createMigration } from "./migrate.ts";
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

/** Every table with what its rows are told apart by, after those that it refers to. */
const keysOfTables: Readonly<Record<keyof Tables, readonly string[]>> = {
  projects: ["id"],
  provider_keys: ["project_id", "provider"],
  tokens: ["id"],
  secrets: ["name"],
  audit: ["seq"],
  budget_spend: ["scope", "id", "period", "starts"],
  budget_leases: ["holder", "turn"],
  state: ["one"],
};

/** Rows that are read and written at once. */
const batch = 500;

/**
 * Copies one database, as it is at one moment, into another whose tables are there and empty, and reads it again to compare:
 * all or nothing. The first one is not changed. Throws `CopyRefused`.
 */
export async function copyDatabase(from: Storage, to: Storage): Promise<CopyReport> {
  await refuseOtherSchema(from, "database that is copied");
  await refuseOtherSchema(to, "target");
  return from.slowDb
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute((source) =>
      to.slowDb.transaction().execute(async (target) => {
        // Nobody changes anything there until this has ended.
        await target
          .updateTable("state")
          .set((table) => ({ epoch: table.ref("epoch") }))
          .execute();
        await refuseRows(forgetTypes(target));
        const tables: TableCopy[] = [];
        for (const [name, keys] of Object.entries(keysOfTables))
          tables.push(await copyTable(forgetTypes(source), forgetTypes(target), { name, keys }));
        const audit = await createAuditStore({ db: source }).verify();
        if (!Bun.deepEquals(audit, await createAuditStore({ db: target }).verify()))
          throw new Error("The audit's chain is not the same after copying, so nothing was copied");
        return { tables, audit };
      }),
    );
}

async function refuseOtherSchema(storage: Storage, what: string): Promise<void> {
  const { pending, unknown } = await createMigration(storage).status();
  if (unknown.length > 0)
    throw new CopyRefused(
      `The ${what} has steps that this version of Weir doesn't know (${unknown.join(", ")}): use the version that made it`,
    );
  if (pending.length > 0)
    throw new CopyRefused(`The ${what} lacks steps of the schema (${pending.join(", ")}): run "weir migrate up" on it`);
}

async function refuseRows(target: ChangingDatabase): Promise<void> {
  const held: string[] = [];
  for (const name of Object.keys(keysOfTables)) {
    if (name === "state") continue;
    const row = await target.selectFrom(name).selectAll().limit(1).executeTakeFirst();
    if (row) held.push(name);
  }
  if (held.length > 0)
    throw new CopyRefused(
      `The target is not empty (${held.join(", ")}), and nothing is written over. Use a new database`,
    );
}

type TableKeys = { readonly name: string; readonly keys: readonly string[] };

async function copyTable(source: ChangingDatabase, target: ChangingDatabase, table: TableKeys): Promise<TableCopy> {
  const { name } = table;
  // The row that the schema itself has made.
  if (name === "state") await target.deleteFrom(name).execute();
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
  { name, keys }: TableKeys,
  use: (rows: Row[]) => Promise<void> = () => Promise.resolve(),
): Promise<TableCopy> {
  let sum = 0n;
  let count = 0;
  for (let rows = await readRows(db, { name, keys }); rows.length > 0;) {
    await use(rows);
    for (const row of rows) sum = (sum + sumRow(row)) % 2n ** 256n;
    count += rows.length;
    rows = await readRows(db, { name, keys }, rows.at(-1));
  }
  return { name, rows: count, checksum: sum.toString(16).padStart(64, "0") };
}

function readRows(db: ChangingDatabase, { name, keys }: TableKeys, last?: Row): Promise<Row[]> {
  let query = db.selectFrom(name).selectAll().limit(batch);
  for (const key of keys) query = query.orderBy(key);
  if (last) {
    const columns = sql.join(keys.map((key) => sql.ref(key)));
    const values = sql.join(keys.map((key) => last[key]));
    query = query.where(sql<SqlBool>`(${columns}) > (${values})`);
  }
  return query.execute();
}

/** Databases sort differently, and give columns in an order of their own. */
function sumRow(row: Row): bigint {
  const columns = Object.entries(row).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return BigInt(`0x${hash("sha256", JSON.stringify(columns), "hex")}`);
}
