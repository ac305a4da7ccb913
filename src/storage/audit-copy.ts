import type { AuditStore } from "./audit.ts";
import { takeAuditLock } from "./audit-lock.ts";
import { type AuditFolderParts, prepareAuditFolder } from "./audit-folder.ts";
import { type AuditTailParts, openAuditTail } from "./audit-tail.ts";

/** What copying is made of. Milliseconds. */
export type AuditCopyParts = Omit<AuditTailParts, "durable"> &
  AuditFolderParts & {
    readonly store: Pick<AuditStore, "after">;
    readonly now: () => number;
    /** Told once a minute at most why the file doesn't get what the database has. */
    readonly onTrouble: (error: Error) => void;
    readonly times?: Partial<typeof usualTimes>;
  };

/** Keeps a file of what the database's audit has. */
export type AuditCopy = {
  /** Says that there is more. */
  readonly nudge: () => void;
  /** Copies what it was told of, where it can, and ends. */
  readonly close: () => Promise<void>;
};

const usualTimes = {
  /** What is committed within this is copied together. */
  delay: 50,
  retry: 1_000,
  /** Looks by itself so often: another process may have ended before it copied its own. */
  every: 60_000,
  report: 60_000,
  /** Another process may hold the file so long. */
  lock: 5_000,
  /** Closing waits so long for a copy of much; the next start goes on with it. */
  close: 1_000,
};

/** Entries are read so many at a time. */
const batch = 100;

/** Begins with what is missing since the last time; several processes may copy to the same file. Throws where its folder is missing and not ours to make. */
export function startAuditCopy({ store, now, onTrouble, times = {}, ...file }: AuditCopyParts): AuditCopy {
  const { delay, retry, every, report, lock, close } = { ...usualTimes, ...times };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | undefined;
  let wanted = false;
  let failing = false;
  let closeAt = Infinity;
  let reportedAt = -Infinity;
  // A folder that can't be made is tried again with each copy.
  if (!file.createFolder) prepareAuditFolder(file);
  const clock = setInterval(nudge, every);
  clock.unref();
  nudge();

  return {
    nudge,
    async close() {
      closeAt = performance.now() + close;
      clearInterval(clock);
      clearTimeout(timer);
      await running;
      if (wanted && !failing) await copyAll();
    },
  };

  function nudge(): void {
    wanted = true;
    schedule(delay);
  }

  function schedule(afterMs: number): void {
    if (closeAt < Infinity || running || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      running = run();
    }, afterMs);
    timer.unref();
  }

  async function run(): Promise<void> {
    await copyAll();
    running = undefined;
    if (wanted) schedule(failing ? retry : delay);
  }

  async function copyAll(): Promise<void> {
    wanted = false;
    failing = false;
    try {
      while (performance.now() < closeAt && (await copySome()));
    } catch (error) {
      wanted = true;
      failing = true;
      complain(error);
    }
  }

  /** Says whether there may be more. */
  async function copySome(): Promise<boolean> {
    prepareAuditFolder(file);
    using tail = openAuditTail({ ...file, durable: false }, await takeAuditLock(file.path, lock));
    const { seq, hash } = tail.end;
    // The last one is asked for as well: whether the database still has it as it is in the file.
    const found = await store.after(Math.max(0, seq - 1), batch);
    const [last] = found;
    if (seq > 0 && (last?.seq !== seq || last.hash !== hash)) throw new Error(differs(tail.name, seq));
    for (const row of seq > 0 ? found.slice(1) : found) tail.append([row]);
    return found.length === batch;
  }

  function complain(error: unknown): void {
    // A clock that is put back must not silence it.
    if (Math.abs(now() - reportedAt) < report) return;
    reportedAt = now();
    const why = error instanceof Error ? error.message : String(error);
    // With a cause, the log would tell it twice.
    onTrouble(new Error(`The audit isn't copied to ${file.path}: ${why}`));
  }
}

function differs(name: string, seq: number): string {
  return `the database doesn't have entry ${seq} as it stands at the end of ${name}. One of them was changed or put back, or they don't belong together: "weir audit verify" says where. Move ${name} away to have it copied anew`;
}
