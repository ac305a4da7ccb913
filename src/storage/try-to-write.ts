import type { Storage } from "./database.ts";

/** Writes something and takes it back before anybody sees it; throws what the database says where it takes nothing. */
export async function tryToWrite({ db }: Pick<Storage, "db">): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // What stays the same, SQLite doesn't write.
    for (const step of [1, -1])
      await trx
        .updateTable("state")
        .set((table) => ({ epoch: table("epoch", "+", step) }))
        .execute();
  });
}
