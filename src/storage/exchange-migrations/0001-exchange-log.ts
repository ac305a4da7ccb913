import { type CreateTableBuilder, sql, SqliteAdapter } from "kysely";
import type { ChangingDatabase, SchemaChange } from "../schema-change.ts";

/** What exchanges are listed by, the newest first. */
const listedBy = ["project_id", "token_id", "provider", "model", "user_id", "session_id", "status", "outcome"] as const;

/** What sums are told apart by, beside their hour and status. */
const keys = ["project_id", "token_id", "user_id", "provider", "model"] as const;

/** Counts that have a column of their own in the sums. */
const counts = [
  "requests",
  "errors",
  "cache_hits",
  "unpriced",
  "input",
  "input_cached",
  "input_cache_write_5m",
  "input_cache_write_1h",
  "input_audio",
  "input_image",
  "output",
  "output_reasoning",
  "output_audio",
  "output_image",
  "cost_nano_usd",
  "saved_nano_usd",
] as const;

/** Exchanges, what was said in them, and their sums. */
export const exchangeLog: SchemaChange = {
  name: "0001-exchange-log",
  async up(db) {
    await createExchanges(db);
    await db.schema
      .createTable("exchange_nodes")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("parent", "text")
      .addColumn("refs", "bigint", (column) => column.notNull())
      .addColumn("body", sql`bytea`, (column) => column.notNull())
      .addColumn("packed", "integer", (column) => column.notNull())
      .addColumn("size", "bigint", (column) => column.notNull())
      .execute();
    const counted = db.schema
      .createTable("counted_exchanges")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("at", "bigint", (column) => column.notNull());
    // There are many of them, and SQLite would keep each id twice.
    const isSqlite = db.getExecutor().adapter instanceof SqliteAdapter;
    await (isSqlite ? counted.modifyEnd(sql`without rowid`) : counted).execute();
    await createSums(db);
    await db.schema
      .createTable("exchange_log_state")
      .addColumn("one", "integer", (column) => column.primaryKey())
      .addColumn("bytes", "bigint", (column) => column.notNull())
      .execute();
    await db.insertInto("exchange_log_state").values({ one: 1, bytes: 0 }).execute();
  },
  async down(db) {
    for (const table of ["exchange_log_state", "usage_sums", "counted_exchanges", "exchange_nodes", "exchanges"])
      await db.schema.dropTable(table).execute();
  },
};

async function createExchanges(db: ChangingDatabase): Promise<void> {
  await db.schema
    .createTable("exchanges")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("started_at", "bigint", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("provider", "text")
    .addColumn("model", "text")
    .addColumn("project_id", "text")
    .addColumn("token_id", "text")
    .addColumn("user_id", "text")
    .addColumn("session_id", "text")
    .addColumn("trace_id", "text", (column) => column.notNull())
    .addColumn("method", "text", (column) => column.notNull())
    .addColumn("path", "text", (column) => column.notNull())
    .addColumn("status", "integer")
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("cause", "text")
    .addColumn("streaming", "integer", (column) => column.notNull())
    .addColumn("cache", "text")
    .addColumn("duration_ms", "double precision", (column) => column.notNull())
    .addColumn("first_byte_ms", "double precision")
    .addColumn("input_tokens", "bigint", (column) => column.notNull())
    .addColumn("output_tokens", "bigint", (column) => column.notNull())
    .addColumn("cost_nano_usd", "bigint")
    .addColumn("unpriced", "integer", (column) => column.notNull())
    .addColumn("facts", "text", (column) => column.notNull())
    .addColumn("tip", "text")
    .addColumn("rest", sql`bytea`)
    .addColumn("size", "bigint", (column) => column.notNull())
    .execute();
  for (const column of listedBy) {
    const index = db.schema.createIndex(`exchanges_by_${column}`).on("exchanges").columns([column, "id"]);
    await index.where(column, "is not", null).execute();
  }
}

async function createSums(db: ChangingDatabase): Promise<void> {
  let table: CreateTableBuilder<string, string> = db.schema
    .createTable("usage_sums")
    .addColumn("hour", "bigint", (column) => column.notNull());
  for (const key of keys) table = table.addColumn(key, "text", (column) => column.notNull());
  table = table.addColumn("status", "integer", (column) => column.notNull());
  for (const count of counts) table = table.addColumn(count, "bigint", (column) => column.notNull());
  await table
    .addColumn("duration_sketch", "text", (column) => column.notNull())
    .addColumn("first_byte_sketch", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("usage_sums_pk", ["hour", ...keys, "status"])
    .execute();
}
