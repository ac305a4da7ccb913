import { type ColumnType, insertInto, rowsOf, toStatement, type Value } from "./bulk.ts";
import { postgresSchema } from "./database.ts";
import type { ExchangeNodeRow, ExchangeRow, UsageSumRow } from "./exchange-tables.ts";
import { sumKeys, summed, type UsageSum } from "./usage-sums.ts";

const exchangeColumns = {
  id: "text",
  started_at: "int8",
  kind: "text",
  provider: "text",
  model: "text",
  project_id: "text",
  token_id: "text",
  user_id: "text",
  session_id: "text",
  trace_id: "text",
  method: "text",
  path: "text",
  status: "int8",
  outcome: "text",
  cause: "text",
  streaming: "int8",
  cache: "text",
  duration_ms: "float8",
  first_byte_ms: "float8",
  input_tokens: "int8",
  output_tokens: "int8",
  cost_nano_usd: "int8",
  unpriced: "int8",
  facts: "text",
  tip: "text",
  rest: "bytea",
  size: "int8",
} as const satisfies Record<keyof ExchangeRow, ColumnType>;

const nodeColumns = {
  id: "text",
  parent: "text",
  refs: "int8",
  body: "bytea",
  packed: "int8",
  size: "int8",
} as const satisfies Record<keyof ExchangeNodeRow, ColumnType>;

const keyTypes = {
  hour: "int8",
  project_id: "text",
  token_id: "text",
  user_id: "text",
  provider: "text",
  model: "text",
  status: "int8",
} as const satisfies Record<(typeof sumKeys)[number], ColumnType>;

const isSameKey = (other: (key: string) => string) =>
  sumKeys.map((key) => `usage_sums.${key} = ${other(key)}`).join(" and ");

const sumTypes: Readonly<Record<string, ColumnType>> = {
  ...keyTypes,
  ...Object.fromEntries(summed.map((name) => [name, "int8"])),
  duration_sketch: "text",
  first_byte_sketch: "text",
};

/** Everything that the exchange log is written with. Rows have their values in the order that is told. */
export const statements = {
  /** `id, at`; gives those that weren't counted yet. */
  count: insertInto<{ readonly id: string }>(
    "counted_exchanges",
    { id: "text", at: "int8" },
    "on conflict (id) do nothing returning id",
  ),
  /** The oldest so many, where they were counted before that: `at, limit`. */
  forgetCounted: toStatement({
    sqlite:
      "delete from counted_exchanges where at < ?1 and id in (select id from counted_exchanges order by id limit ?2)",
    postgres: `delete from ${postgresSchema}.counted_exchanges using ${rowsOf({ before: "int8", most: "int8" })}
      where at < v.before and id in (select id from ${postgresSchema}.counted_exchanges order by id limit v.most)`,
  }),
  /** `id`; gives the ids of those that are there. */
  findNodes: toStatement<{ readonly id: string }>({
    sqlite: "select id from exchange_nodes where id = ?",
    postgres: `select id from ${postgresSchema}.exchange_nodes where id = any($1::text[])`,
  }),
  insertNodes: insertInto("exchange_nodes", nodeColumns),
  /** `id, more`. */
  addRefs: toStatement({
    sqlite: "update exchange_nodes set refs = refs + ?2 where id = ?1",
    postgres: `update ${postgresSchema}.exchange_nodes n set refs = refs + v.more
      from ${rowsOf({ id: "text", more: "int8" })} where n.id = v.id`,
  }),
  /** `id`; removes those that nothing holds any more, and gives what they were. */
  removeNodes: toStatement<Pick<ExchangeNodeRow, "parent" | "size">>({
    sqlite: "delete from exchange_nodes where id = ? and refs <= 0 returning parent, size",
    postgres: `delete from ${postgresSchema}.exchange_nodes where id = any($1::text[]) and refs <= 0 returning parent, size`,
  }),
  insertExchanges: insertInto("exchanges", exchangeColumns, "on conflict (id) do nothing"),
  /** `limit`; the oldest first. */
  findOldest: toStatement<OldExchange>({
    sqlite: "select id, started_at, tip, size from exchanges order by id limit ?",
    postgres: `select id, started_at, tip, size from ${postgresSchema}.exchanges order by id limit ($1::int8[])[1]`,
  }),
  /** `id`. */
  removeExchanges: toStatement({
    sqlite: "delete from exchanges where id = ?",
    postgres: `delete from ${postgresSchema}.exchanges where id = any($1::text[])`,
  }),
  /** The keys of sums; gives their rows, as far as sketches need it. */
  findSums: toStatement<SketchRow>({
    sqlite: `select ${sumKeys.join(", ")}, duration_sketch, first_byte_sketch from usage_sums where ${isSameKey(() => "?")}`,
    postgres: `select usage_sums.* from ${postgresSchema}.usage_sums join ${rowsOf(keyTypes)} on ${isSameKey((key) => `v.${key}`)}`,
  }),
  /** Adds to the counts of what is there already, and puts sketches in the place of those. */
  putSums: insertInto(
    "usage_sums",
    sumTypes,
    `on conflict (${sumKeys.join(", ")}) do update set
      ${summed.map((name) => `${name} = usage_sums.${name} + excluded.${name}`).join(", ")},
      duration_sketch = excluded.duration_sketch, first_byte_sketch = excluded.first_byte_sketch`,
  ),
  /** `more`; gives how many there are. */
  addBytes: toStatement<{ readonly bytes: number }>({
    sqlite: "update exchange_log_state set bytes = bytes + ? returning bytes",
    postgres: `update ${postgresSchema}.exchange_log_state set bytes = bytes + ($1::int8[])[1] returning bytes`,
  }),
} as const;

/** What is known of an exchange that may have to go. */
export type OldExchange = Pick<ExchangeRow, "id" | "started_at" | "tip" | "size">;

/** The sketches of a sum. */
export type SketchRow = Pick<UsageSumRow, (typeof sumKeys)[number] | "duration_sketch" | "first_byte_sketch">;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the names of all columns, and of nothing else, are its keys
const exchangeNames = Object.keys(exchangeColumns) as (keyof ExchangeRow)[];

/** The values of `insertExchanges`. */
export function exchangeValues(row: ExchangeRow): readonly Value[] {
  return exchangeNames.map((name) => row[name]);
}

/** The values of `insertNodes`. */
export function nodeValues({ id, parent, refs, body, packed, size }: ExchangeNodeRow): readonly Value[] {
  return [id, parent, refs, body, packed, size];
}

/** The values of `findSums`. */
export function keyValues({ key }: UsageSum): readonly Value[] {
  return sumKeys.map((name) => key[name]);
}

/** The values of `putSums`. */
export function sumValues({ key, counts, durations, firstBytes }: UsageSum): readonly Value[] {
  return [
    ...sumKeys.map((name) => key[name]),
    ...summed.map((name) => counts[name]),
    durations.toText(),
    firstBytes.toText(),
  ];
}
