import { isDeepStrictEqual } from "node:util";
import type { Kysely } from "kysely";
import type { Exchange } from "../domain/exchange.ts";
import { type Bulk, createPostgresBulk } from "./bulk.ts";
import type { DatabaseConfig, Storage } from "./database.ts";
import { openExchangeFile } from "./exchange-file.ts";
import { createExchangeMigration, openExchangeLog } from "./exchange-log.ts";
import { toKey } from "./exchange-rows.ts";
import type { ExchangeRow, ExchangeTables } from "./exchange-tables.ts";
import { unpack } from "./packed.ts";
import { readStored } from "./stored-json.ts";
import { type CostChange, writeCosts } from "./write-costs.ts";

/** What an exchange costs now, or why that can't be told. */
export type CostAnswer =
  | { readonly kind: "priced"; readonly cost: Pick<Exchange, "cost" | "cost_nano_usd" | "unpriced"> }
  | { readonly kind: "left"; readonly reason: string };

/** Which exchanges are meant: from one time to before another, in milliseconds since the epoch. */
export type RepriceFilter = {
  readonly from: number;
  readonly to: number;
  readonly projectId?: string | undefined;
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
};

/** What repricing is made of. */
export type RepriceParts = {
  readonly database: DatabaseConfig;
  /** Whether what was written outlives a power cut. */
  readonly durable: boolean;
  readonly filter: RepriceFilter;
  /** `findOutput` gives `undefined` where nobody kept whether a model had put anything out. */
  readonly price: (
    exchange: Exchange,
    findOutput: () => Promise<Pick<Exchange, "output"> | undefined>,
  ) => Promise<CostAnswer>;
  /** Nothing is written then. */
  readonly dryRun: boolean;
  /** Called once, before anything is written; nothing is where it throws. */
  readonly onFirstChange?: () => Promise<void>;
  /** Exchanges that are looked at at once, and how long others get their turn after a write. Milliseconds. */
  readonly batchSize?: number;
  readonly pauseMs?: number;
};

/** What came of a batch. */
export type RepricedBatch = {
  readonly looked: number;
  readonly changed: readonly Pick<CostChange, "before" | "after">[];
  /** Why each exchange was left alone that was. */
  readonly left: readonly string[];
};

type LogRow = Pick<ExchangeRow, "id" | "facts" | "tip">;

/**
 * Prices the exchanges of a log anew, the oldest first. Each batch is one transaction over exchanges and their sums, beside whoever
 * else writes; where it breaks off, whole batches were done. Throws in words what the operator has to mend.
 */
export async function* repriceExchanges(parts: RepriceParts): AsyncGenerator<RepricedBatch, void> {
  const { database, durable, filter, price, dryRun, onFirstChange, batchSize = 200, pauseMs = 10 } = parts;
  await using storage = await openExchangeLog(database, () => {}, { readOnly: true });
  await refuseOtherSchema(storage);
  await using place = dryRun ? undefined : openToWrite(database, storage, durable);
  let isFirst = true;
  for (let after = ""; ;) {
    const rows = await readRows(storage.db, filter, after, batchSize);
    after = rows.at(-1)?.id ?? after;
    const { changes, left } = await findChanges(storage.db, rows, price);
    if (changes.length > 0 && isFirst && place) await onFirstChange?.();
    isFirst &&= changes.length === 0;
    const changed = place && changes.length > 0 ? await place.alone((run) => writeCosts(run, changes)) : changes;
    yield { looked: rows.length, changed, left };
    if (rows.length < batchSize) return;
    if (place && changed.length > 0) await Bun.sleep(pauseMs);
  }
}

async function refuseOtherSchema(storage: Storage<ExchangeTables>): Promise<void> {
  const { applied, pending } = await createExchangeMigration(storage).status();
  if (applied.length === 0) throw new Error("There is no exchange log in that database yet: start the server once");
  if (pending.length > 0)
    throw new Error(`The exchange log lacks steps of its schema (${pending.join(", ")}): start the server once`);
}

function openToWrite(
  database: DatabaseConfig,
  storage: Storage<ExchangeTables>,
  durable: boolean,
): Pick<Bulk, "alone"> & AsyncDisposable {
  if (database.driver === "postgres")
    return { ...createPostgresBulk(storage.db), [Symbol.asyncDispose]: () => Promise.resolve() };
  const file = openExchangeFile(database.path, { durable });
  return { alone: file.alone, [Symbol.asyncDispose]: () => Promise.resolve(file.close()) };
}

function readRows(
  db: Kysely<ExchangeTables>,
  { from, to, projectId, provider, model }: RepriceFilter,
  after: string,
  limit: number,
): Promise<LogRow[]> {
  let query = db
    .selectFrom("exchanges")
    .select(["id", "facts", "tip"])
    .where("id", ">=", firstIdOf(from))
    .where("id", "<", firstIdOf(to))
    .orderBy("id")
    .limit(limit);
  if (after !== "") query = query.where("id", ">", after);
  const same = [
    ["project_id", projectId],
    ["provider", provider],
    ["model", model],
  ] as const;
  for (const [column, value] of same) if (value !== undefined) query = query.where(column, "=", toKey(value));
  return query.execute();
}

/** A UUID v7 begins with the time of its exchange. */
function firstIdOf(at: number): string {
  const time = Math.min(2 ** 48 - 1, Math.max(0, Math.ceil(at)));
  return `${time.toString(16).padStart(12, "0").replace(/^.{8}/, "$&-")}-0000-0000-000000000000`;
}

async function findChanges(
  db: Kysely<ExchangeTables>,
  rows: readonly LogRow[],
  price: RepriceParts["price"],
): Promise<{ readonly changes: readonly CostChange[]; readonly left: readonly string[] }> {
  const changes: CostChange[] = [];
  const left: string[] = [];
  for (const row of rows) {
    const before = readStored<Exchange>(row.facts);
    const answer = await price(before, () => findOutput(db, row));
    if (answer.kind === "left") left.push(answer.reason);
    else if (!isDeepStrictEqual(costOf(before), costOf(answer.cost)))
      changes.push({ row, before, after: withCost(before, answer.cost) });
  }
  return { changes, left };
}

function costOf({
  cost,
  cost_nano_usd,
  unpriced,
}: Partial<Exchange>): Pick<Exchange, "cost" | "cost_nano_usd" | "unpriced"> {
  return { cost, cost_nano_usd, unpriced };
}

function withCost(exchange: Exchange, cost: Partial<Exchange>): Exchange {
  const { cost: _, cost_nano_usd: __, unpriced: ___, ...facts } = exchange;
  return { ...facts, ...cost };
}

/** Where input is kept, all that was put out is too. */
async function findOutput(
  db: Kysely<ExchangeTables>,
  { id, tip }: LogRow,
): Promise<Pick<Exchange, "output"> | undefined> {
  const row = await db.selectFrom("exchanges").select("rest").where("id", "=", id).executeTakeFirst();
  if (!row) return undefined;
  const { output } = row.rest === null ? {} : readStored<Pick<Exchange, "output">>(unpack(row.rest, true));
  return output === undefined && tip === null ? undefined : { output };
}
