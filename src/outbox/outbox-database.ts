import { Database, SQLiteError } from "bun:sqlite";
import { chmodSync, closeSync, openSync } from "node:fs";

/** The form of the file that this program writes. */
const formatVersion = 1;

const schema = `
CREATE TABLE state (
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  next_seq    INTEGER NOT NULL,
  bodies_shed INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 1, 0);

CREATE TABLE books (
  sink        TEXT PRIMARY KEY,
  cursor      INTEGER NOT NULL,
  received    INTEGER NOT NULL,
  delivered   INTEGER NOT NULL,
  rejected    INTEGER NOT NULL,
  sampled_out INTEGER NOT NULL,
  dropped     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Apart from the payloads, so that the index is loaded without reading over them.
CREATE TABLE segments (
  first_seq   INTEGER PRIMARY KEY,
  last_seq    INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  sink        TEXT,
  raw_size    INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  bodies_shed INTEGER NOT NULL
) STRICT;

CREATE TABLE payloads (
  first_seq   INTEGER PRIMARY KEY,
  data        BLOB NOT NULL
) STRICT;

CREATE TABLE dead_letters (
  sink        TEXT NOT NULL,
  seq         INTEGER NOT NULL,
  id          TEXT NOT NULL,
  reason      TEXT NOT NULL,
  at          INTEGER NOT NULL,
  retry       INTEGER NOT NULL DEFAULT 0,
  bytes       INTEGER NOT NULL,
  data        BLOB NOT NULL,
  PRIMARY KEY (sink, seq)
) STRICT;
CREATE INDEX dead_letter_sizes ON dead_letters (retry, sink, bytes);

PRAGMA user_version = ${formatVersion};
`;

/** What a failed statement means for who runs the outbox. */
export type Fault = "no_room" | "corrupt" | "unwritable";

/**
 * Opens the file, making it where there is none and `create` says so. A second process may hold it open too.
 * Throws an `SQLiteError`, or what to do where the file is not one of ours or of a newer program.
 */
export function openOutboxDatabase(
  path: string,
  { create, fsync }: { create: boolean; fsync: "off" | "batch" },
): Database {
  if (create) {
    closeSync(openSync(path, "a", 0o600));
    chmodSync(path, 0o600);
  }
  const database = new Database(path, { readwrite: true, strict: true });
  try {
    prepare(database, path, create, fsync);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Sorts an error of the database; `undefined` for an error of another kind. */
export function findFault(error: unknown): Fault | undefined {
  if (!(error instanceof SQLiteError)) return undefined;
  const code = error.code ?? "";
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") return "corrupt";
  // A quota or a limit on file sizes is told as a failed write.
  return /^SQLITE_(?:FULL|IOERR_(?:WRITE|FSYNC|TRUNCATE|SHMSIZE))$/.test(code) ? "no_room" : "unwritable";
}

function prepare(database: Database, path: string, create: boolean, fsync: "off" | "batch"): void {
  // A second process at work on the dead letters is waited for: what could not be written would be dropped.
  database.run("PRAGMA busy_timeout = 10000");
  const version = database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (version > formatVersion) {
    throw new Error(
      `${path} was written by a newer version of Weir (its format is ${version}, this one reads ${formatVersion}): start that version, or move the file away`,
    );
  }
  const tables = database.query<{ n: number }, []>("SELECT count(*) AS n FROM sqlite_schema").get()?.n ?? 0;
  if (version === 0 && (tables > 0 || !create)) {
    throw new Error(`${path} is not an outbox of Weir: move the file away, or set another path`);
  }
  if (version === 0) {
    // Both only take effect before anything is in the file.
    database.run("PRAGMA page_size = 8192");
    database.run("PRAGMA auto_vacuum = INCREMENTAL");
  }
  database.run("PRAGMA journal_mode = WAL");
  database.run(`PRAGMA synchronous = ${fsync === "batch" ? "FULL" : "NORMAL"}`);
  // 3 MB: what a full disk keeps out of the file fits into the reserve.
  database.run("PRAGMA wal_autocheckpoint = 384");
  if (version === 0) database.transaction(() => database.run(schema)).immediate();
}
