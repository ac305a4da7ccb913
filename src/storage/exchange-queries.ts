import { type Expression, expressionBuilder, type Kysely, type SqlBool } from "kysely";
import type { ExchangeSummary } from "../domain/exchange-summary.ts";
import { containsText } from "./contains-text.ts";
import type { ExchangeRow, ExchangeTables } from "./exchange-tables.ts";
import type { Page, Paged } from "./page.ts";
import { readStored } from "./stored-json.ts";

/** What exchanges are looked for by; times in milliseconds since the epoch, both inclusive. */
export type ExchangeFilter = {
  readonly projectId?: string | undefined;
  readonly tokenId?: string | undefined;
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  readonly user?: string | undefined;
  readonly session?: string | undefined;
  readonly status?: number | undefined;
  readonly outcome?: string | undefined;
  readonly kind?: string | undefined;
  readonly cache?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly minCostNanoUsd?: number | undefined;
  readonly minDurationMs?: number | undefined;
  /** Text in its path, model, user, session, trace id or cause. */
  readonly search?: string | undefined;
};

/** An exchange without what was said in it. */
export type ExchangeFacts = {
  /** The exchange but `input`, `parameters` and `output`. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly projectId: string | null;
  readonly tokenId: string | null;
  /** Whether anything is kept of what was said in it. */
  readonly hasBody: boolean;
};

/** How much is looked through for a page: rows at most, and how many at a time; after so long no more begins. Milliseconds. */
const usualBounds = { mostScanned: 100_000, firstScanned: 1_000, mostAtOnce: 5_000, scanForMs: 50 };

const summaryColumns = [
  "id",
  "started_at",
  "kind",
  "provider",
  "model",
  "project_id",
  "token_id",
  "user_id",
  "session_id",
  "trace_id",
  "method",
  "path",
  "status",
  "outcome",
  "cause",
  "streaming",
  "cache",
  "duration_ms",
  "first_byte_ms",
  "input_tokens",
  "output_tokens",
  "cost_nano_usd",
  "unpriced",
] as const satisfies readonly (keyof ExchangeRow)[];

type SummaryRow = Pick<ExchangeRow, (typeof summaryColumns)[number]>;

/** What an index leads to, the one that leads to the fewest first; all else is looked for among what it leads to. */
const indexed = [
  ["session_id", "session"],
  ["user_id", "user"],
  ["token_id", "tokenId"],
  ["project_id", "projectId"],
  ["status", "status"],
  ["outcome", "outcome"],
  ["model", "model"],
  ["provider", "provider"],
] as const satisfies readonly (readonly [column: keyof SummaryRow, name: keyof ExchangeFilter])[];

const searched = ["path", "model", "user_id", "session_id", "trace_id", "cause"] as const;

/** Creates the queries that read the exchange log; `db` is one that has its tables. */
export function createExchangeQueries(db: Kysely<ExchangeTables>, bounds: Partial<typeof usualBounds> = {}) {
  const { mostScanned, firstScanned, mostAtOnce, scanForMs } = { ...usualBounds, ...bounds };
  return {
    /**
     * The latest first. A page that looks for something rare looks through a bounded number of rows, and then has what it
     * found, with a `next` to go on.
     */
    async list(filter: ExchangeFilter, { limit, offset = 0, after }: Page): Promise<Paged<ExchangeSummary>> {
      const { rows, rest } = await scan(filter, after, offset + limit + 1);
      const found = rows.slice(offset, offset + limit);
      const next = rows.length > offset + limit ? found.at(-1)?.id : rest;
      return { items: found.map(readSummary), ...(next === undefined ? {} : { next }) };
    },
    async find(id: string): Promise<ExchangeFacts | undefined> {
      const row = await db
        .selectFrom("exchanges")
        .select(["facts", "project_id", "token_id"])
        .select((table) => table.or([table("tip", "is not", null), table("rest", "is not", null)]).as("has_body"))
        .where("id", "=", id)
        .executeTakeFirst();
      return row && readFacts(row);
    },
  };

  /** Finds `wanted` rows, or as many as there are; `rest` is the last that was looked at, where others may follow. */
  async function scan(
    filter: ExchangeFilter,
    after: string | undefined,
    wanted: number,
  ): Promise<{ readonly rows: readonly SummaryRow[]; readonly rest?: string }> {
    const lead = findLead(filter);
    const others = conditions(lead === undefined ? filter : { ...filter, [lead.name]: undefined });
    const from = filter.from === undefined ? undefined : firstIdAt(Math.ceil(filter.from));
    const end = filter.to === undefined ? undefined : firstIdAt(Math.floor(filter.to) + 1);
    let before = [after, end].filter((id) => id !== undefined).toSorted()[0];
    if (others.length === 0) return { rows: await part(wanted).execute() };
    const rows: SummaryRow[] = [];
    const until = performance.now() + scanForMs;
    for (let scanned = 0, size = firstScanned; scanned < mostScanned; size *= 2) {
      const count = Math.min(size, mostAtOnce, mostScanned - scanned);
      const last = await rowsOf()
        .select("id")
        .offset(count - 1)
        .limit(1)
        .executeTakeFirst();
      const found = await db
        .selectFrom(part(count).as("part"))
        .selectAll()
        .where((row) => row.and(others))
        .execute();
      rows.push(...found.toSorted((one, other) => (one.id < other.id ? 1 : -1)));
      if (rows.length >= wanted || last === undefined) return { rows };
      scanned += count;
      before = last.id;
      if (performance.now() > until) break;
    }
    return { rows, ...(before === undefined ? {} : { rest: before }) };

    function part(count: number) {
      return rowsOf().select(summaryColumns).limit(count);
    }

    function rowsOf() {
      let query = db.selectFrom("exchanges").orderBy("id", "desc");
      if (lead) query = query.where(lead.column, "=", lead.value);
      if (before !== undefined) query = query.where("id", "<", before);
      if (from !== undefined) query = query.where("id", ">=", from);
      return query;
    }
  }
}

function findLead(filter: ExchangeFilter) {
  for (const [column, name] of indexed) {
    const value = filter[name];
    if (value !== undefined) return { column, name, value };
  }
  return undefined;
}

/** The first id that an exchange of this millisecond can have: a UUID v7 begins with its time (RFC 9562, section 5.7). */
function firstIdAt(at: number): string {
  const time = Math.min(Math.max(at, 0), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

/** What a row must be beside what an index leads to. */
function conditions(filter: ExchangeFilter): readonly Expression<SqlBool>[] {
  const row = expressionBuilder<{ readonly part: SummaryRow }, "part">();
  const same = [
    ["session_id", filter.session],
    ["user_id", filter.user],
    ["token_id", filter.tokenId],
    ["project_id", filter.projectId],
    ["status", filter.status],
    ["outcome", filter.outcome],
    ["model", filter.model],
    ["provider", filter.provider],
    ["kind", filter.kind],
    ["cache", filter.cache],
  ] as const;
  const { minCostNanoUsd, minDurationMs, search } = filter;
  return [
    ...same.flatMap(([column, value]) => (value === undefined ? [] : [row(column, "=", value)])),
    ...(minCostNanoUsd === undefined ? [] : [row("cost_nano_usd", ">=", minCostNanoUsd)]),
    ...(minDurationMs === undefined ? [] : [row("duration_ms", ">=", minDurationMs)]),
    ...(search === undefined ? [] : [row.or(searched.map((column) => containsText(column, search)))]),
  ];
}

function readFacts(row: Pick<ExchangeRow, "facts" | "project_id" | "token_id"> & { readonly has_body: SqlBool }) {
  return {
    facts: readStored<Readonly<Record<string, unknown>>>(row.facts),
    projectId: row.project_id,
    tokenId: row.token_id,
    hasBody: Boolean(row.has_body),
  };
}

function readSummary(row: SummaryRow): ExchangeSummary {
  return {
    id: row.id,
    startedAt: row.started_at,
    kind: row.kind,
    provider: row.provider,
    model: row.model,
    projectId: row.project_id,
    tokenId: row.token_id,
    user: row.user_id,
    session: row.session_id,
    traceId: row.trace_id,
    method: row.method,
    path: row.path,
    status: row.status,
    outcome: row.outcome,
    cause: row.cause,
    streaming: row.streaming === 1,
    cache: row.cache,
    durationMs: row.duration_ms,
    firstByteMs: row.first_byte_ms,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    costNanoUsd: row.cost_nano_usd === null ? null : String(row.cost_nano_usd),
    unpriced: row.unpriced === 1,
  };
}
