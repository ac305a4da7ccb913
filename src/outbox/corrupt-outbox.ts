import { readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** What SQLite keeps beside the file itself. */
const endings = ["", "-wal", "-shm"];

/** Each may be as large as the outbox. */
const mostKept = 2;

/** Moves a damaged outbox out of the way, for who wants to look into it, and forgets all but the newest of such; returns its new path. */
export function setAside(path: string, now: number): string {
  const stem = `${path.replace(/\.db$/, "")}.corrupt-`;
  const time = new Date(now).toISOString().replaceAll(/[-:.]/g, "");
  const aside = `${stem}${time}.db`;
  for (const ending of endings) {
    if (statSync(path + ending, { throwIfNoEntry: false }) !== undefined) renameSync(path + ending, aside + ending);
  }
  const asides = readdirSync(dirname(path))
    .filter((name) => name.startsWith(basename(stem)) && name.endsWith(".db"))
    .toSorted();
  for (const name of asides.slice(0, -mostKept)) removeOutboxFiles(join(dirname(path), name));
  return aside;
}

/** Deletes an outbox file and what lies beside it. */
export function removeOutboxFiles(path: string): void {
  for (const ending of endings) rmSync(path + ending, { force: true });
}
