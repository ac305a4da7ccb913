import type { Database, Statement as SqliteStatement } from "bun:sqlite";
import { CompiledQuery, type Kysely, sql } from "kysely";
import { retryWhileBusy } from "./bun-sqlite.ts";
import { postgresSchema } from "./database.ts";

/** What a column of a statement's rows can be. */
export type Value = string | number | Uint8Array | null;

/** PostgreSQL's names of what columns hold. */
export type ColumnType = "text" | "int8" | "float8" | "bytea";

/** A statement that is run for many rows: in SQLite once for each, in PostgreSQL once for all. */
export type Statement<R = never> = {
  readonly sqlite: string;
  readonly postgres: string;
  /** What a row of its result has; only its type counts. */
  readonly gives?: R;
};

/** A statement in the words of both databases. */
export function toStatement<R = never>(texts: Pick<Statement, "sqlite" | "postgres">): Statement<R> {
  return texts;
}

/** Runs a statement for these rows, whose values are in the statement's order, and gives what all of them gave. */
export type Run = <R>(
  statement: Statement<R>,
  rows: readonly (readonly Value[])[],
) => Promise<readonly R[]> | readonly R[];

/** A database where many rows are written at once. */
export type Bulk = {
  /** In one transaction, with no other of them under way: not in this process, and in no other one. */
  readonly alone: <T>(work: (run: Run) => Promise<T>) => Promise<T>;
  /** While no transaction of this process is under way. */
  readonly between: <T>(work: () => T) => Promise<T>;
};

/** PostgreSQL's rows of parameters, one list for each column: a table named `v`. */
export function rowsOf(columns: Readonly<Record<string, ColumnType>>): string {
  const lists = Object.values(columns).map((type, at) => `$${at + 1}::${type}[]`);
  return `unnest(${lists.join(", ")}) as v(${Object.keys(columns).join(", ")})`;
}

/** A statement that inserts rows; `tail` is what follows, the same in both. */
export function insertInto<R = never>(
  table: string,
  columns: Readonly<Record<string, ColumnType>>,
  tail = "",
): Statement<R> {
  const names = Object.keys(columns);
  return {
    sqlite: `insert into ${table} (${names.join(", ")}) values (${names.map(() => "?").join(", ")}) ${tail}`,
    postgres: `insert into ${postgresSchema}.${table} (${names.join(", ")}) select * from ${rowsOf(columns)} ${tail}`,
  };
}

/** How long another process may write. Milliseconds. */
const waitMs = 10_000;

/** Writes into an SQLite file on a connection that nothing else uses. */
export function createSqliteBulk(database: Database): Bulk {
  const prepared = new Map<Statement<unknown>, SqliteStatement<unknown, Value[]>>();
  const inTurn = createTurns();
  const run: Run = (statement, rows) => runSqlite(prepare(statement), rows);

  return {
    alone: (work) =>
      inTurn(async () => {
        await retryWhileBusy(() => database.run("begin immediate"), waitMs);
        try {
          const result = await work(run);
          database.run("commit");
          return result;
        } catch (error) {
          if (database.inTransaction) database.run("rollback");
          throw error;
        }
      }),
    between: inTurn,
  };

  function prepare<R>(statement: Statement<R>): SqliteStatement<R, Value[]> {
    const found = prepared.get(statement) ?? database.prepare<R, Value[]>(statement.sqlite);
    prepared.set(statement, found);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it was made of this very statement
    return found as SqliteStatement<R, Value[]>;
  }
}

function runSqlite<R>(statement: SqliteStatement<R, Value[]>, rows: readonly (readonly Value[])[]): readonly R[] {
  if (statement.columnNames.length > 0) return rows.flatMap((row) => statement.all(...row));
  for (const row of rows) statement.run(...row);
  return [];
}

/** Of PostgreSQL's advisory locks, the one under which the exchange log is written. */
const lockId = 5_713_190_483;

/** Writes into a PostgreSQL. */
export function createPostgresBulk<T>(db: Kysely<T>): Bulk {
  const inTurn = createTurns();
  return {
    alone: (work) =>
      inTurn(() =>
        db.transaction().execute(async (trx) => {
          await sql`set local lock_timeout = ${sql.lit(waitMs)}`.execute(trx);
          await sql`select pg_advisory_xact_lock(${sql.lit(lockId)})`.execute(trx);
          return work((wanted, rows) => runPostgres(trx, wanted, rows));
        }),
      ),
    between: inTurn,
  };
}

async function runPostgres<R, T>(
  trx: Kysely<T>,
  { postgres }: Statement<R>,
  rows: readonly (readonly Value[])[],
): Promise<readonly R[]> {
  if (rows.length === 0) return [];
  return (await trx.executeQuery<R>(CompiledQuery.raw(postgres, toColumns(rows)))).rows;
}

function toColumns(rows: readonly (readonly Value[])[]): Value[][] {
  const [first = []] = rows;
  return first.map((_, at) => rows.map((row) => row[at] ?? null));
}

/** Runs one thing after the other. */
function createTurns(): <T>(work: () => Promise<T> | T) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}
