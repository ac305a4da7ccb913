import { SQLiteError } from "bun:sqlite";
import { renameSync, statSync } from "node:fs";
import { takeAuditLock } from "./audit-lock.ts";

/** What SQLite keeps beside the file, and the file: whatever ends this between two of them, none is read with what isn't its own. */
const endings = ["-wal", "-shm", ""];

/** How long another process may take that does the same. Milliseconds. */
const lockMs = 5_000;

/** Whether an error says that an SQLite file is damaged, or none at all. */
export function isCorrupt(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(?:CORRUPT|NOTADB)/.test(error.code ?? "");
}

/** Which file lies at a path, whatever its name; `undefined` where there is none. */
export function findFile(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

/**
 * Moves a damaged exchange log out of the way and keeps it, for who wants to save what is in it; gives its new path,
 * `undefined` where it isn't that file any more that lies there, since another process was faster.
 */
export async function setExchangesAside(
  path: string,
  file: string | undefined,
  now: number,
): Promise<string | undefined> {
  using _ = await takeAuditLock(path, lockMs);
  if (file === undefined || findFile(path) !== file) return undefined;
  const aside = findFree(path, now);
  for (const ending of endings) if (findFile(path + ending)) renameSync(path + ending, aside + ending);
  return aside;
}

function findFree(path: string, now: number): string {
  const time = new Date(now).toISOString().replaceAll(/[-:.]/g, "");
  const aside = `${path.replace(/\.db$/, "")}.corrupt-${time}.db`;
  return findFile(aside) === undefined ? aside : findFree(path, now + 1);
}
