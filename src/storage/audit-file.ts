import type { Actor, AuditEvent } from "../domain/audit.ts";
import type { AuditFile, AuditStore } from "./audit.ts";
import { type ChainEnd, joinEntries } from "./audit-chain.ts";
import { startAuditCopy, type AuditCopyParts } from "./audit-copy.ts";
import { AuditLocked, tryAuditLock } from "./audit-lock.ts";
import { prepareAuditFolder } from "./audit-folder.ts";
import { openAuditTail } from "./audit-tail.ts";

/** What the audit's file is made of. */
export type AuditFileParts = Omit<AuditCopyParts, "store"> & {
  /** Whether the database has the chain, and the file is its copy. */
  readonly inDatabase: boolean;
  readonly auditStore: Pick<AuditStore, "after">;
};

/** An open file of the audit. */
export type OpenAuditFile = AuditFile & {
  /** To be waited for before the database is closed. */
  readonly close: () => Promise<void>;
};

/** How long a change waits for another process that writes the same chain. Milliseconds. */
const lockWithinMs = 2_000;

/** Opens it; throws in words where its folder is missing and, where the file is the chain, where it can't be gone on with. */
export function openAuditFile({ inDatabase, auditStore, onTrouble, times, ...file }: AuditFileParts): OpenAuditFile {
  if (!inDatabase) return openChainFile(file);
  const copy = startAuditCopy({ ...file, store: auditStore, onTrouble, ...(times ? { times } : {}) });
  return {
    copy: (rows) => {
      if (rows.length > 0) copy.nudge();
    },
    append() {
      throw new Error("The audit's chain is in the database, and its file only a copy");
    },
    close: copy.close,
  };
}

type ChainFileParts = Pick<AuditFileParts, "path" | "createFolder" | "maxFileBytes" | "now">;

function openChainFile({ now, ...file }: ChainFileParts): OpenAuditFile {
  prepareAuditFolder(file);
  let end = append(() => []);
  return {
    copy: () => undefined,
    append(actor: Actor, events: readonly AuditEvent[]) {
      try {
        end = append((last) => joinEntries(later(last, end), actor, events, { at: now(), createId }));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`Nothing was changed, for the audit can't be written to ${file.path}: ${why}`, {
          cause: error,
        });
      }
    },
    close: () => Promise.resolve(),
  };

  /** Gives the end that the file then has. */
  function append(join: (last: ChainEnd) => ReturnType<typeof joinEntries>): ChainEnd {
    const lock = tryAuditLock(file.path, lockWithinMs);
    if (!lock) throw new AuditLocked(file.path);
    using tail = openAuditTail({ ...file, durable: true }, lock);
    const rows = join(tail.end);
    if (rows.length > 0) tail.append(rows);
    return rows.at(-1) ?? tail.end;
  }
}

/** What was cut off from the file while it was open stays missing, and is found so. */
function later(written: ChainEnd, known: ChainEnd): ChainEnd {
  return written.seq > known.seq ? written : known;
}

function createId(): string {
  return Bun.randomUUIDv7();
}
