import { Database, SQLiteError } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";

/**
 * Takes the file at `path` for this process until `release`; the system frees it when the process ends in any way.
 * Gives `undefined` where another holder has it.
 */
export function takeOwnerLock(path: string): { readonly release: () => void } | undefined {
  // SQLite's locks are the only ones on files that the runtime offers without native code.
  closeSync(openSync(path, "a", 0o600));
  const lock = new Database(path, { readwrite: true });
  try {
    lock.run("PRAGMA busy_timeout = 0");
    lock.run("PRAGMA journal_mode = MEMORY");
    lock.run("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (error instanceof SQLiteError && error.code === "SQLITE_BUSY") return undefined;
    throw error;
  }
  return { release: () => lock.close() };
}
