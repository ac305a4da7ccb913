import { type Kysely, sql } from "kysely";
import type { BudgetNotice, NoticeStore } from "../domain/budget-notice.ts";
import type { Storage } from "./database.ts";
import { createDatabaseTime, type DatabaseTime } from "./database-time.ts";
import type { Tables } from "./tables.ts";

/** Longer than anybody takes to send one. Milliseconds. */
const leaseMs = 30_000;
/** What nobody wanted to hear for a day is given up, and the oldest of more than so many. Milliseconds. */
const oldMs = 86_400_000;
const mostKept = 1_000;

/** Creates the store of what a webhook has still to be told. */
export function createNoticeStore({ db, driver }: Pick<Storage, "db" | "driver">, now?: () => number): NoticeStore {
  const time = createDatabaseTime(driver, now);

  return {
    lease: (most) =>
      db
        .updateTable("budget_notices")
        .set((row) => ({ tries: row("tries", "+", 1), next_at: time(leaseMs) }))
        .where("id", "in", (due) =>
          due.selectFrom("budget_notices").select("id").where("next_at", "<=", time()).orderBy("next_at").limit(most),
        )
        // Whoever waited for another's lease looks again.
        .where("next_at", "<=", time())
        .returning(["id", "body", "tries"])
        .execute(),
    async delivered(id) {
      await db.deleteFrom("budget_notices").where("id", "=", id).execute();
    },
    async failed(id, pauseMs) {
      await db
        .updateTable("budget_notices")
        .set({ next_at: time(pauseMs) })
        .where("id", "=", id)
        .execute();
    },
    async hurry() {
      await db.updateTable("budget_notices").set({ next_at: time() }).where("next_at", ">", time(leaseMs)).execute();
    },
    async forget() {
      const old = await db
        .deleteFrom("budget_notices")
        .where("created_at", "<=", time(-oldMs))
        .returning("id")
        .execute();
      const { kept } = await db
        .selectFrom("budget_notices")
        .select((row) => row.fn.countAll<number>().as("kept"))
        .executeTakeFirstOrThrow();
      const over = Math.max(0, kept - mostKept);
      if (over > 0)
        await db
          .deleteFrom("budget_notices")
          .where("id", "in", (oldest) =>
            oldest.selectFrom("budget_notices").select("id").orderBy("created_at").orderBy("id").limit(over),
          )
          .execute();
      return old.length + over;
    },
    async dueIn() {
      const { due } = await db
        .selectFrom("budget_notices")
        .select(sql<number | null>`min(next_at) - (${time()})`.as("due"))
        .executeTakeFirstOrThrow();
      return due === null ? undefined : Math.max(0, due);
    },
  };
}

/** Keeps notices in the transaction in which what they tell has happened. */
export async function keepNotices(
  db: Kysely<Tables>,
  time: DatabaseTime,
  notices: readonly BudgetNotice[],
): Promise<void> {
  if (notices.length === 0) return;
  await db
    .insertInto("budget_notices")
    .values(notices.map(({ id, body }) => ({ id, body, created_at: time(), tries: 0, next_at: time() })))
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}
