import { Database, SQLiteError } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";

/** Takes the right to write a file of the audit, which one process has at a time and loses with its end; `undefined` where another has it for longer than `waitMs`, in which the thread stands still. */
export function tryAuditLock(path: string, waitMs = 0): Disposable | undefined {
  const name = nameOf(path);
  touch(name);
  // SQLite's locks are the only ones on files that the runtime offers without native code.
  const lock = new Database(name, { readwrite: true });
  try {
    lock.run(`PRAGMA busy_timeout = ${waitMs}`);
    // Another journal would be a file, which a full disk has no room for.
    lock.run("PRAGMA journal_mode = MEMORY");
    lock.run("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (error instanceof SQLiteError && error.code === "SQLITE_BUSY") return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => lock.close() };
}

/** Takes it as soon as it is free; throws where that lasts too long. */
export async function takeAuditLock(path: string, withinMs: number): Promise<Disposable> {
  const until = performance.now() + withinMs;
  for (;;) {
    const lock = tryAuditLock(path);
    if (lock) return lock;
    if (performance.now() > until) throw new AuditLocked(path);
    await Bun.sleep(20);
  }
}

/** Another process writes the file and doesn't come to an end. */
export class AuditLocked extends Error {
  override readonly name = "AuditLocked";

  constructor(path: string) {
    super(`another process holds ${nameOf(path)}`);
  }
}

function nameOf(path: string): string {
  return `${path}.lock`;
}

/** A file that is there isn't opened: closing it would end the locks that this process has on it. */
function touch(name: string): void {
  try {
    closeSync(openSync(name, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
