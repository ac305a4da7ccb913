import { Database } from "bun:sqlite";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createDatabase, queryPostgres } from "../postgres.ts";

/** The databases that projects and tokens may live in. */
export type StoreKind = "sqlite" | "postgres";

/** A database of a test's own, with a way in behind the program's back. */
export type Store = AsyncDisposable & {
  readonly kind: StoreKind;
  /** What tells the program of it. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs a statement, and gives its rows. */
  readonly query: (sql: string) => Promise<readonly Row[]>;
  /** Its tables, by names that a statement takes. */
  readonly listTables: () => Promise<readonly string[]>;
  /** Everything in it as Latin-1: the files' bytes, or every row's. */
  readonly dump: () => Promise<string>;
};

/** A row as the driver gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** Makes the place for one; the program itself creates what is in it. */
export async function openStore(kind: StoreKind, folder: string): Promise<Store> {
  return kind === "sqlite" ? describeSqlite(join(folder, "weir.db")) : openPostgres();
}

function describeSqlite(path: string): Store {
  const query: Store["query"] = async (sql) => {
    const database = new Database(path, { create: false, readwrite: true });
    try {
      database.run("PRAGMA busy_timeout = 5000");
      return database.query<Row, []>(sql).all();
    } finally {
      database.close();
    }
  };
  return {
    kind: "sqlite",
    env: { DATABASE_PATH: path },
    query,
    listTables: async () => {
      const rows = await query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
      return rows.map(({ name }) => `"${String(name)}"`);
    },
    dump: async () => {
      const names = (await readdir(dirname(path))).filter((name) => name.startsWith(basename(path)));
      const files = await Promise.all(names.map((name) => readFile(join(dirname(path), name), "latin1")));
      return files.join("\n");
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

async function openPostgres(): Promise<Store> {
  const database = await createDatabase();
  const query: Store["query"] = (sql) => queryPostgres(database.url, sql);
  const listTables: Store["listTables"] = async () => {
    const rows = await query("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'weir'");
    return rows.map(({ name }) => `weir."${String(name)}"`);
  };
  return {
    kind: "postgres",
    env: { DB_DRIVER: "postgres", DATABASE_URL: database.url },
    query,
    listTables,
    dump: async () => {
      const tables = await listTables();
      const rows = await Promise.all(tables.map((table) => query(`SELECT * FROM ${table}`)));
      return rows.flat().map(writeRow).join("\n");
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** A row's values as text, bytes as Latin-1. */
function writeRow(row: Row): string {
  const texts = Object.values(row).map((value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : (JSON.stringify(value) ?? ""),
  );
  return texts.join("\n");
}
