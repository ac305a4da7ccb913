import type { Actor, AuditEvent } from "../domain/audit.ts";
import type { Changes } from "../storage/change.ts";

/** Writes refusals to the audit, a bounded number a minute; the others are counted, and told in one entry. */
export type RefusalLog = {
  /** Resolves when it is written, or counted; never rejects. */
  readonly add: (actor: Actor, reason: string) => Promise<void>;
  /** Writes what was only counted so far. */
  readonly close: () => Promise<void>;
};

/** What it is made of. */
export type RefusalLogParts = {
  readonly changes: Pick<Changes, "note">;
  readonly now: () => number;
  readonly onFault: (error: unknown, actor: Actor) => void;
  readonly perMinute?: number;
};

const minute = 60_000;

/** Creates it. */
export function createRefusalLog({ changes, now, onFault, perMinute = 60 }: RefusalLogParts): RefusalLog {
  let until = 0;
  let written = 0;
  let counted = 0;
  let timer: Timer | undefined;

  return {
    async add(actor, reason) {
      if (now() >= until) await begin();
      if (written < perMinute) {
        written += 1;
        return note(actor, reason);
      }
      counted += 1;
      timer ??= setTimeout(() => void tell(), Math.max(0, until - now())).unref();
    },
    close: tell,
  };

  async function begin(): Promise<void> {
    until = now() + minute;
    written = 0;
    await tell();
  }

  async function tell(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const count = counted;
    counted = 0;
    if (count > 0) await note(system, `${count} more refusals within a minute were counted and not written one by one`);
  }

  async function note(actor: Actor, reason: string): Promise<void> {
    const event: AuditEvent = { action: "management.refused", outcome: "denied", reason };
    try {
      await changes.note(actor, [event]);
    } catch (error) {
      onFault(error, actor);
    }
  }
}

const system: Actor = { name: "system", origin: "system" };
