import { type Expression, expressionBuilder, type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import { createSketch } from "../lib/sketch.ts";
import type { ExchangeTables, UsageSumRow } from "./exchange-tables.ts";

/** What sums can be taken by. */
export const usageKeys = ["project", "token", "model", "provider", "user", "status", "day", "hour"] as const;

/** One of them. */
export type UsageKey = (typeof usageKeys)[number];

/** Which sums are wanted: of whole hours, from one time to before another, in milliseconds since the epoch. */
export type UsageQuery = {
  readonly from: number;
  readonly to: number;
  readonly groupBy: readonly UsageKey[];
  readonly projectId?: string | undefined;
  readonly tokenId?: string | undefined;
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  readonly user?: string | undefined;
  readonly status?: number | undefined;
};

/** The sums of a group, its hours in milliseconds since the epoch; a key is null where its exchanges have no such thing. */
export type UsageGroup = {
  readonly keys: { readonly [Key in UsageKey]?: string | number | null };
  readonly requests: number;
  readonly errors: number;
  readonly cacheHits: number;
  readonly unpriced: number;
  /** LLM tokens by bucket. */
  readonly usage: Readonly<Record<string, number>>;
  /** Nano-dollars as text. */
  readonly costNanoUsd: string;
  readonly savedNanoUsd: string;
  /** Milliseconds. */
  readonly durationMs: Quantiles;
  readonly firstByteMs: Quantiles;
};

/** The smallest values that 50, 90, 95 and 99 % of all don't exceed, wrong by 2 % at most; null where there is none. */
export type Quantiles = {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
};

/** Groups, the earliest first and of those the dearest, or that they are more than can be told. */
export type UsageAnswer =
  | { readonly kind: "groups"; readonly groups: readonly UsageGroup[] }
  | { readonly kind: "too_many"; readonly most: number };

const hourMs = 3_600_000;
const dayMs = 86_400_000;
const usualGroups = 10_000;

/** Buckets of usage that have sums. */
export const usageColumns = [
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
] as const satisfies readonly (keyof UsageSumRow)[];

const countColumns = ["requests", "errors", "cache_hits", "unpriced", ...usageColumns] as const;
const costColumns = ["cost_nano_usd", "saved_nano_usd"] as const;
const sketchColumns = ["duration_sketch", "first_byte_sketch"] as const;

const keyColumns: Readonly<Record<UsageKey, RawBuilder<string | number>>> = {
  project: sql`project_id`,
  token: sql`token_id`,
  model: sql`model`,
  provider: sql`provider`,
  user: sql`user_id`,
  status: sql`status`,
  day: sql`hour - hour % ${sql.lit(dayMs)}`,
  hour: sql`hour`,
};

/** Creates the queries that read the sums of the exchange log. */
export function createUsageQueries(
  db: Kysely<ExchangeTables>,
  { mostGroups = usualGroups }: { readonly mostGroups?: number } = {},
) {
  return {
    /** Sums over everything are one group, though there be nothing. */
    async usage(query: UsageQuery): Promise<UsageAnswer> {
      const groupBy = usageKeys.filter((key) => query.groupBy.includes(key));
      const rows = await db
        .selectFrom("usage_sums")
        .select([
          ...groupBy.map((key) => keyColumns[key].as(`by_${key}`)),
          ...countColumns.map((column) => sumOf(column).as(column)),
          ...costColumns.map((column) => sql<string>`cast(${sumOf(column)} as text)`.as(column)),
          ...sketchColumns.map((column) => joined(column).as(column)),
        ])
        .where((sums) => sums.and(conditions(query)))
        .where("hour", ">=", query.from - (query.from % hourMs))
        .where("hour", "<", query.to)
        .$if(groupBy.length > 0, (sums) => sums.groupBy(groupBy.map((key) => keyColumns[key])))
        .$if(groupBy.includes("day"), (sums) => sums.orderBy(keyColumns.day))
        .$if(groupBy.includes("hour"), (sums) => sums.orderBy(keyColumns.hour))
        .orderBy(sql`sum(cost_nano_usd)`, "desc")
        .orderBy(sql`sum(requests)`, "desc")
        .limit(mostGroups + 1)
        .execute();
      if (rows.length > mostGroups) return { kind: "too_many", most: mostGroups };
      return { kind: "groups", groups: rows.map((row) => readGroup(row, groupBy)) };
    },
  };
}

function sumOf(column: string) {
  return sql<number>`cast(coalesce(sum(${sql.ref(column)}), 0) as bigint)`;
}

/** All sketches of a group, with commas between them. */
function joined(column: string) {
  return sql<string>`coalesce(string_agg(${sql.ref(column)}, ','), '[]')`;
}

function conditions(query: UsageQuery): readonly Expression<SqlBool>[] {
  const sums = expressionBuilder<ExchangeTables, "usage_sums">();
  const same = [
    ["project_id", query.projectId],
    ["token_id", query.tokenId],
    ["provider", query.provider],
    ["model", query.model],
    ["user_id", query.user],
    ["status", query.status],
  ] as const;
  return same.flatMap(([column, value]) => (value === undefined ? [] : [sums(column, "=", value)]));
}

type Row = { readonly [column: string]: string | number };

function readGroup(row: Row, groupBy: readonly UsageKey[]): UsageGroup {
  const count = (column: string) => Number(row[column] ?? 0);
  return {
    keys: Object.fromEntries(groupBy.map((key) => [key, readKey(row[`by_${key}`])])),
    requests: count("requests"),
    errors: count("errors"),
    cacheHits: count("cache_hits"),
    unpriced: count("unpriced"),
    usage: Object.fromEntries(usageColumns.map((column) => [column, count(column)])),
    costNanoUsd: String(row["cost_nano_usd"]),
    savedNanoUsd: String(row["saved_nano_usd"]),
    durationMs: readQuantiles(row["duration_sketch"]),
    firstByteMs: readQuantiles(row["first_byte_sketch"]),
  };
}

/** What is absent in exchanges is "" or 0 in the table. */
function readKey(value: string | number | undefined): string | number | null {
  return value === undefined || value === "" || value === 0 ? null : value;
}

/** Sketches are lists of buckets and counts, and so is what comes of putting them together; to take them apart first would cost far more. */
function readQuantiles(text: string | number | undefined): Quantiles {
  const sketch = createSketch(String(text).replaceAll("[],", "").replaceAll(",[]", "").replaceAll("],[", ","));
  const at = (share: number) => {
    const value = sketch.quantile(share);
    return value === undefined ? null : Math.round(value * 1000) / 1000;
  };
  return { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99) };
}
