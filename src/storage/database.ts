import type { Database } from "bun:sqlite";
import { Kysely, PostgresDialect, PostgresQueryCompiler, sql, WithSchemaPlugin } from "kysely";
import { createBunSqliteDialect, openSqliteFile, openSqliteFileToRead } from "./bun-sqlite.ts";
import { createPostgresPool } from "./postgres-pool.ts";
import { storable } from "./storable-text.ts";
import type { Tables } from "./tables.ts";

/** Which database holds projects, tokens and the audit. */
export type DatabaseConfig =
  | { readonly driver: "sqlite"; readonly path: string }
  | {
      readonly driver: "postgres";
      readonly url: string;
      /** Connections at most, and those that stay when nothing is asked. */
      readonly poolSize: number;
      readonly maxIdle: number;
      /** Milliseconds; 0 is for ever. */
      readonly connectionLifetimeMs: number;
    };

/** How a database is opened. */
export type OpenOptions = {
  /** An SQLite file has to be there then, and nothing of it changes. */
  readonly readOnly?: boolean;
  /** How long an answer may take. Milliseconds. */
  readonly answerWithinMs?: number;
  /** An SQLite file that is made now can give room back to the disk. */
  readonly shrinks?: boolean;
};

/** An open database. */
export type Storage<T = Tables> = AsyncDisposable & {
  readonly driver: DatabaseConfig["driver"];
  readonly db: Kysely<T>;
  /** The same for changes, which outlive a power cut once they are made; what is only counted is not worth that wait. */
  readonly changeDb: Kysely<T>;
  /** The same tables on connections of its own, for work that may take minutes. */
  readonly slowDb: Kysely<T>;
  /** A number that differs once another connection has changed anything; `undefined` where only the tables tell. */
  readonly version: () => number | undefined;
  /** Takes what was replaced out of SQLite's log; PostgreSQL does such things by itself, in its own time. */
  readonly forgetReplaced: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Where the tables live in PostgreSQL: a schema of their own. */
export const postgresSchema = "weir";

/** Opens a database as it is; throws what the system says where it can't. A PostgreSQL is asked for the first time when it is used. */
export async function openDatabase<T = Tables>(
  config: DatabaseConfig,
  onTrouble: (error: Error) => void,
  options: OpenOptions = {},
): Promise<Storage<T>> {
  return config.driver === "sqlite"
    ? openSqlite<T>(config.path, options)
    : openPostgres<T>(config, onTrouble, options.answerWithinMs);
}

/** How long a statement may wait for another process, and how long for its schema change. Milliseconds. */
const sqliteWaitMs = 5_000;
const patienceMs = 600_000;

function openSqlite<T>(
  path: string,
  { readOnly = false, shrinks = false, answerWithinMs = sqliteWaitMs }: OpenOptions,
): Storage<T> {
  const open = () => (readOnly ? openSqliteFileToRead(path) : openSqliteFile(path, { shrinks }));
  const database = open();
  const version = database.prepare<{ data_version: number }, []>("PRAGMA data_version");
  const db = new Kysely<T>({ dialect: createBunSqliteDialect(() => database, answerWithinMs) });
  const changeDb = new Kysely<T>({ dialect: createBunSqliteDialect(() => durably(open()), answerWithinMs) });
  const slowDb = new Kysely<T>({ dialect: createBunSqliteDialect(() => durably(open()), patienceMs) });
  const close = async () => {
    version.finalize();
    await slowDb.destroy();
    await changeDb.destroy();
    await db.destroy();
    // Kysely closes only what it has used.
    database.close();
  };
  return {
    driver: "sqlite",
    db,
    changeDb,
    slowDb,
    version: () => version.get()?.data_version,
    forgetReplaced: async () => void (await sql`pragma wal_checkpoint(truncate)`.execute(changeDb)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Each commit is on the disk when it is done (https://www.sqlite.org/pragma.html#pragma_synchronous). */
function durably(database: Database): Database {
  database.run("PRAGMA synchronous = FULL");
  return database;
}

/** How long a connection may take, and an answer. Milliseconds. */
const connectWithinMs = 5_000;
const postgresAnswerMs = 30_000;

async function openPostgres<T>(
  { url, poolSize, maxIdle, connectionLifetimeMs }: Extract<DatabaseConfig, { driver: "postgres" }>,
  onTrouble: (error: Error) => void,
  answerWithinMs = postgresAnswerMs,
): Promise<Storage<T>> {
  const about = { url, lifetimeMs: connectionLifetimeMs, connectWithinMs, onTrouble };
  const open = async (max: number, min: number, withinMs: number) => {
    const pool = await createPostgresPool({ ...about, max, min, answerWithinMs: withinMs });
    return new Kysely<T>({
      dialect: new StorableDialect({ pool }),
      plugins: [new WithSchemaPlugin(postgresSchema)],
    });
  };
  const db = await open(poolSize, Math.min(maxIdle, poolSize), answerWithinMs);
  const slowDb = await open(2, 0, 0);
  const close = async () => {
    await slowDb.destroy();
    await db.destroy();
  };
  return {
    driver: "postgres",
    db,
    changeDb: db,
    slowDb,
    version: () => undefined,
    forgetReplaced: () => Promise.resolve(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

class StorableDialect extends PostgresDialect {
  override createQueryCompiler(): PostgresQueryCompiler {
    return new StorableCompiler();
  }
}

class StorableCompiler extends PostgresQueryCompiler {
  protected override addParameter(parameter: unknown): void {
    super.addParameter(storable(parameter));
  }
}
