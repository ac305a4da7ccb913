import { Database } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  SqliteAdapter,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type TransactionSettings,
} from "kysely";
import { storable } from "./storable-text.ts";

/**
 * Opens an SQLite file for its owner alone, making it where there is none; throws what the system says where it can't. One that
 * `shrinks` is made so that it can give room back to the disk.
 */
export function openSqliteFile(path: string, { shrinks = false }: { readonly shrinks?: boolean } = {}): Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const database = new Database(path, { readwrite: true, strict: true });
  // Two that open one file at once wait for each other here.
  database.run(`PRAGMA busy_timeout = ${openWithinMs}`);
  if (shrinks) {
    // Both only take effect before anything is in the file.
    database.run("PRAGMA page_size = 8192");
    database.run("PRAGMA auto_vacuum = INCREMENTAL");
  }
  switchToLog(database);
  database.run("PRAGMA synchronous = NORMAL");
  database.run("PRAGMA foreign_keys = ON");
  // What is replaced, a key that was sealed anew for instance, doesn't stay behind in the file.
  database.run("PRAGMA secure_delete = ON");
  // From now on the driver waits, which stops no thread.
  database.run("PRAGMA busy_timeout = 0");
  return database;
}

/** Milliseconds: how long others may take that open a new file at the same time, and how often to look. */
const openWithinMs = 5_000;
const lookAgainMs = 5;

/** SQLite itself doesn't wait here for another that is about to write, whatever its `busy_timeout`. */
function switchToLog(database: Database): void {
  const until = performance.now() + openWithinMs;
  for (;;)
    try {
      database.run("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error;
      Bun.sleepSync(lookAgainMs * (0.5 + Math.random()));
    }
}

/** Opens an SQLite file that is there, to read it and nothing else; throws what the system says where it can't. */
export function openSqliteFileToRead(path: string): Database {
  closeSync(openSync(path, "r"));
  return new Database(path, { readonly: true, strict: true });
}

/** Kysely's way to an SQLite file, which is opened when it is used. A statement waits up to `waitMs` for others' transactions. */
export function createBunSqliteDialect(open: () => Database, waitMs: number): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new PatientDriver(open, waitMs),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new StorableCompiler(),
  };
}

class StorableCompiler extends SqliteQueryCompiler {
  protected override addParameter(parameter: unknown): void {
    super.addParameter(storable(parameter));
  }
}

/** Waits for other processes without stopping this one's thread, as SQLite itself would. */
class PatientDriver extends SqliteDriver {
  readonly #waitMs: number;
  #database: Database | undefined;

  constructor(open: () => Database, waitMs: number) {
    super({ database: () => Promise.resolve(readable((this.#database = open()))) });
    this.#waitMs = waitMs;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection();
    return {
      executeQuery: (query) => retryWhileBusy(() => connection.executeQuery(query), this.#waitMs),
      streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
    };
  }

  /** A transaction that writes takes the lock at once: one that takes it later fails where another process was faster. */
  override async beginTransaction(
    connection: DatabaseConnection,
    { accessMode }: TransactionSettings = {},
  ): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(accessMode === "read only" ? "begin" : "begin immediate"));
  }

  /** SQLite itself ends one on a full disk; that there is nothing to roll back then would hide why. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database?.inTransaction !== false) await super.rollbackTransaction(connection);
  }
}

/** Does it, and again as long as others hold the file. */
export async function retryWhileBusy<T>(work: () => Promise<T> | T, waitMs: number): Promise<T> {
  const until = performance.now() + waitMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(20, pauseMs * 2)) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error;
      // Two that wait for one lock don't ask in step.
      await Bun.sleep(pauseMs * (0.5 + Math.random()));
    }
  }
}

/** Whether others hold the file: a busy statement has done nothing, so that it can be tried again. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^SQLITE_BUSY(?:_RECOVERY)?$/.test(String(error.code));
}

/** What Kysely asks of a database: statements that know whether they give rows. */
function readable(database: Database) {
  return {
    close: () => database.close(),
    prepare(sql: string) {
      const statement = database.query<unknown, Bindable[]>(sql);
      return {
        reader: statement.columnNames.length > 0,
        all: (parameters: readonly unknown[]) => statement.all(...bindable(parameters)),
        run: (parameters: readonly unknown[]) => statement.run(...bindable(parameters)),
        iterate: (parameters: readonly unknown[]) => statement.iterate(...bindable(parameters)),
      };
    },
  };
}

type Bindable = string | number | bigint | boolean | null | Uint8Array;

function bindable(parameters: readonly unknown[]): Bindable[] {
  // Only values of our own tables come here, and those are of these types.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return parameters as Bindable[];
}
