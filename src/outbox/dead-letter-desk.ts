import { existsSync } from "node:fs";
import { createDeadLetterTable } from "./dead-letter-table.ts";
import type { Outbox } from "./outbox.ts";
import { openOutboxDatabase } from "./outbox-database.ts";

/** What another process may do with the dead letters of an outbox that a server holds open. */
export type DeadLetterDesk = Pick<Outbox, "deadLetters" | "retryDead" | "purgeDead" | "close">;

/**
 * Opens an outbox file beside its owner. What `retryDead` asks for is done by the owner within a second or two, or at
 * its next start. Throws where the file isn't there or can't be read.
 */
export function openDeadLetterDesk({ path }: { readonly path: string }): DeadLetterDesk {
  if (!existsSync(path)) throw new Error(`${path} isn't there: check DATA_DIR, or start the server once`);
  const database = openOutboxDatabase(path, { create: false, fsync: "off" });
  const table = createDeadLetterTable(database);
  return {
    deadLetters: (sink, limit) => table.list(sink, limit),
    retryDead: (sink) => table.markForRetry(sink),
    purgeDead: (sink) => table.purge(sink),
    close: () => database.close(),
  };
}
