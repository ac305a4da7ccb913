import type { Transaction } from "kysely";
import type { Actor, AuditEvent } from "../domain/audit.ts";
import type { Audit } from "./audit.ts";
import type { Storage } from "./database.ts";
import type { Tables } from "./tables.ts";

/** What came of a change, and what the audit is told of it; no event where nothing was different after all. */
export type Changed<T> = { readonly value: T; readonly events: readonly AuditEvent[] };

/** Makes changes one after the other, in all processes: rows, their place in the order of changes, and audit entries, all or nothing. */
export type Changes = {
  /** `epoch` is the change's number, which every row that others must hear of is given. */
  readonly run: <T>(actor: Actor, work: (trx: Transaction<Tables>, epoch: number) => Promise<Changed<T>>) => Promise<T>;
  /** Writes down what changed nothing. */
  readonly note: (actor: Actor, events: readonly AuditEvent[]) => Promise<void>;
};

/** What changing is made of. */
export type ChangesParts = {
  readonly storage: Pick<Storage, "changeDb">;
  readonly audit: Audit;
  /** Called as soon as a change of this process is committed; the change is done when this is. */
  readonly onChanged?: () => Promise<void> | void;
};

/** Creates the way to change. */
export function createChanges({ storage: { changeDb }, audit, onChanged }: ChangesParts): Changes {
  return {
    async run(actor, work) {
      const value = await commit(1, actor, work);
      await onChanged?.();
      return value;
    },
    note: (actor, events) => commit(0, actor, () => Promise.resolve({ value: undefined, events })),
  };

  async function commit<T>(
    step: 0 | 1,
    actor: Actor,
    work: (trx: Transaction<Tables>, epoch: number) => Promise<Changed<T>>,
  ): Promise<T> {
    const done = await changeDb.transaction().execute(async (trx) => {
      // Whoever has this row is alone until the end, so that the numbers are those of the commits.
      const state = await trx
        .updateTable("state")
        .set((table) => ({ epoch: table("epoch", "+", step) }))
        .returning(["epoch", "audit_seq", "audit_hash"])
        .executeTakeFirstOrThrow();
      const { value, events } = await work(trx, state.epoch);
      const rows = await audit.write(trx, { seq: state.audit_seq, hash: state.audit_hash }, actor, events);
      const last = rows.at(-1);
      if (last) await trx.updateTable("state").set({ audit_seq: last.seq, audit_hash: last.hash }).execute();
      return { value, rows };
    });
    audit.committed(done.rows);
    return done.value;
  }
}
