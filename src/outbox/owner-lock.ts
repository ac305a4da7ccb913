import { Database, SQLiteError } from "bun:sqlite";
import { accessSync, closeSync, constants, existsSync, openSync } from "node:fs";

/**
 * Takes the file at `path` for this process until `release`; the system frees it when the process ends in any way.
 * Gives `undefined` where another holder has it.
 */
export function takeOwnerLock(path: string): { readonly release: () => void } | undefined {
  // To close any descriptor of a file frees what its process holds of it (POSIX), so one that is there isn't opened.
  if (existsSync(path)) accessSync(path, constants.W_OK);
  else closeSync(openSync(path, "a", 0o600));
  // SQLite's locks are the only ones on files that the runtime offers without native code.
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
