import type { Kysely } from "kysely";
import type { ExchangeTables } from "./exchange-tables.ts";

/** The models that exchanges of the log name, `most` of them at most, each found by one step in an index. */
export async function listLoggedModels(db: Kysely<ExchangeTables>, most: number): Promise<readonly string[]> {
  const models: string[] = [];
  let last = "";
  while (models.length < most) {
    const row = await db
      .selectFrom("exchanges")
      .select("model")
      .where("model", ">", last)
      .orderBy("model")
      .limit(1)
      .executeTakeFirst();
    if (!row || row.model === null) break;
    models.push(row.model);
    last = row.model;
  }
  return models;
}
