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
} from "kysely";

/** Opens an SQLite file for its owner alone, making it where there is none; throws what the system says where it can't. */
export function openSqliteFile(path: string): Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const database = new Database(path, { readwrite: true, strict: true });
  database.run("PRAGMA busy_timeout = 5000");
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = NORMAL");
  database.run("PRAGMA foreign_keys = ON");
  return database;
}

/** Kysely's way to an SQLite file that the runtime has opened. */
export function createBunSqliteDialect(database: Database): Dialect {
  return {
    createAdapter: () => new TransactionalAdapter(),
    createDriver: () => new ImmediateDriver(readable(database)),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/** SQLite takes back a failed migration as a whole, schema changes too. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** A transaction that takes the write lock at once: one that takes it later fails where another process was faster. */
class ImmediateDriver extends SqliteDriver {
  constructor(database: ReturnType<typeof readable>) {
    super({ database });
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }
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
