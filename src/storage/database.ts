import { Kysely, PostgresDialect, WithSchemaPlugin } from "kysely";
import { createBunSqliteDialect, openSqliteFile } from "./bun-sqlite.ts";
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

/** An open database. */
export type Storage = AsyncDisposable & {
  readonly driver: DatabaseConfig["driver"];
  readonly db: Kysely<Tables>;
  /** A number that differs once another connection has changed anything; `undefined` where only the tables tell. */
  readonly version: () => number | undefined;
  readonly close: () => Promise<void>;
};

/** Where the tables live in PostgreSQL: a schema of their own. */
export const postgresSchema = "weir";

/** Opens a database as it is; throws what the system says where it can't. */
export async function openDatabase(config: DatabaseConfig, onTrouble: (error: Error) => void): Promise<Storage> {
  return config.driver === "sqlite" ? openSqlite(config.path) : openPostgres(config, onTrouble);
}

function openSqlite(path: string): Storage {
  const database = openSqliteFile(path);
  const version = database.prepare<{ data_version: number }, []>("PRAGMA data_version");
  const db = new Kysely<Tables>({ dialect: createBunSqliteDialect(database) });
  const close = () => {
    version.finalize();
    return db.destroy();
  };
  return {
    driver: "sqlite",
    db,
    version: () => version.get()?.data_version,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** How long a connection may take, and an answer. Milliseconds. */
const connectWithinMs = 5_000;
const answerWithinMs = 30_000;

async function openPostgres(
  { url, poolSize, maxIdle, connectionLifetimeMs }: Extract<DatabaseConfig, { driver: "postgres" }>,
  onTrouble: (error: Error) => void,
): Promise<Storage> {
  // It is loaded only where it is used.
  const { Pool, TypeOverrides, types } = await import("pg");
  const integers = new TypeOverrides();
  // 64-bit integers come as text otherwise; ours are all below 2^53.
  integers.setTypeParser(types.builtins.INT8, Number);
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    min: Math.min(maxIdle, poolSize),
    maxLifetimeSeconds: Math.ceil(connectionLifetimeMs / 1000),
    connectionTimeoutMillis: connectWithinMs,
    query_timeout: answerWithinMs,
    application_name: "weir",
    types: integers,
  });
  // An idle connection that breaks must not end the program.
  pool.on("error", onTrouble);
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new WithSchemaPlugin(postgresSchema)],
  });
  const close = () => db.destroy();
  return { driver: "postgres", db, version: () => undefined, close, [Symbol.asyncDispose]: close };
}
