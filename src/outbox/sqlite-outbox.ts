import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { removeOutboxFiles } from "./corrupt-outbox.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { silent } from "./log.ts";
import type { OutboxLog } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import { findFault } from "./outbox-database.ts";
import { createOutboxRoom } from "./outbox-room.ts";
import { openOutboxStore } from "./outbox-store.ts";
import type { OutboxStore } from "./outbox-store.ts";
import { takeOwnerLock } from "./owner-lock.ts";
import { createReserve } from "./reserve.ts";
import type { Reserve } from "./reserve.ts";
import { createStoredOutbox } from "./stored-outbox.ts";

/** How an outbox is opened. */
export type SqliteOutboxOptions = {
  /** The file; its directory is made where it isn't there. */
  readonly path: string;
  /** The sinks in use, by name: what each of them has to get is kept until it has it. */
  readonly sinks: readonly string[];
  /** Bytes of the file; 0 is unbounded. */
  readonly maxBytes?: number;
  /** 0 is unbounded. */
  readonly maxAgeMs?: number;
  /** `batch` waits with each append until the system has it on the disk. */
  readonly fsync?: "off" | "batch";
  /** Keeps its data in a file of another name beside `path`, begins empty, and deletes it at the end. */
  readonly memory?: boolean;
  readonly maxDeadLetters?: number;
  readonly now?: () => number;
  readonly log?: OutboxLog;
};

const mostDeadBytes = 64 * 1_048_576;

/**
 * Opens the durable queue in an SQLite file, for this process alone; `openDeadLetterDesk` is for others. Throws where
 * another process owns the file, a newer program wrote it, or it is not an outbox.
 */
export function openSqliteOutbox({
  path: durablePath,
  sinks,
  maxBytes = 2 * 2 ** 30,
  maxAgeMs = 7 * 86_400_000,
  fsync = "off",
  memory = false,
  maxDeadLetters = 10_000,
  now = Date.now,
  log = silent,
}: SqliteOutboxOptions): Outbox {
  const path = memory ? `${durablePath.replace(/\.db$/, "")}-memory.db` : durablePath;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lock = takeOwnerLock(`${path}.lock`);
  if (lock === undefined) throw new Error(`${path} is in use by another process: stop it, or set another DATA_DIR`);
  try {
    if (memory) removeOutboxFiles(path);
    const reserve = createReserve({ path: `${path}.reserve` });
    const store = openWithRoom(reserve, () => openOutboxStore({ path, sinks, fsync, now, log }));
    const room = createOutboxRoom({ store, reserve, maxBytes, maxAgeMs, now, log });
    const maxDeadBytes = Math.min(mostDeadBytes, maxBytes === 0 ? Infinity : maxBytes / 8);
    const dead = createDeadLetters({ store, maxCount: maxDeadLetters, maxBytes: maxDeadBytes, now });
    const outbox = createStoredOutbox({ store, room, dead, now });
    return {
      ...outbox,
      close() {
        outbox.close();
        if (memory) {
          removeOutboxFiles(path);
          reserve.giveUp();
        }
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Opens on a full disk too, as long as the reserve is there to be given up. */
function openWithRoom(reserve: Reserve, open: () => OutboxStore): OutboxStore {
  try {
    return open();
  } catch (error) {
    if (findFault(error) !== "no_room" || !reserve.giveUp()) throw error;
    return open();
  }
}
