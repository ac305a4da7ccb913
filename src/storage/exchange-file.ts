import { statSync } from "node:fs";
import { isBusy, openSqliteFile } from "./bun-sqlite.ts";
import { type Bulk, createSqliteBulk } from "./bulk.ts";

/** Pages that are given back to the disk at once, and how many unused ones are left to be used again. */
const givenBack = 512;
const leftUnused = 512;

/** The exchange log's own SQLite file, as its writer has it. */
export type ExchangeFile = Bulk & {
  /** Bytes on the disk that hold something, with the log of the database, which is moved into the file where both are more than this. */
  readonly usedBytes: (most: number) => number;
  /** Moves the log into the file, and gives some of what is unused back to the disk. */
  readonly shrink: () => void;
  /** When what is under way has ended. */
  readonly close: () => Promise<void>;
};

/** Opens it; `durable` has each commit on the disk when it is done. */
export function openExchangeFile(path: string, { durable }: { readonly durable: boolean }): ExchangeFile {
  const database = openSqliteFile(path, { shrinks: true });
  if (durable) database.run("PRAGMA synchronous = FULL");
  // 16 MB: a checkpoint waits for the disk.
  database.run("PRAGMA wal_autocheckpoint = 2048");
  const pages = database.prepare<{ pages: number; unused: number; size: number }, []>(
    `SELECT page_count AS pages, freelist_count AS unused, page_size AS size
      FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
  );
  const checkpoint = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  const bulk = createSqliteBulk(database);

  return {
    ...bulk,
    usedBytes(most) {
      if (measure() > most) checkpoint.all();
      return measure();
    },
    shrink() {
      // Who reads may hold it, and who writes what is unused: then it is for the next time.
      checkpoint.all();
      if ((pages.get()?.unused ?? 0) > leftUnused) giveBack();
    },
    close: () =>
      bulk.between(() => {
        emptyLog();
        pages.finalize();
        checkpoint.finalize();
        database.close();
      }),
  };

  function giveBack(): void {
    try {
      database.run(`PRAGMA incremental_vacuum(${givenBack})`);
    } catch (error) {
      if (!isBusy(error)) throw error;
    }
  }

  /** SQLite does so by itself only when the last statement is collected, whenever that is. */
  function emptyLog(): void {
    try {
      checkpoint.all();
    } catch {
      // On a full disk it stays as it is: whoever opens the file next reads it too.
    }
  }

  function measure(): number {
    const { pages: count = 0, unused = 0, size = 0 } = pages.get() ?? {};
    return (count - unused) * size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  }
}
