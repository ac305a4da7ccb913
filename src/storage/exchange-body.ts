import { type Kysely, sql } from "kysely";
import { fromChain } from "./conversation.ts";
import type { ExchangeTables } from "./exchange-tables.ts";
import { unpack } from "./packed.ts";
import { readStored } from "./stored-json.ts";

/** What was said in an exchange, as it is in its record. */
export type ExchangeBody = {
  readonly input?: unknown;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly output?: unknown;
};

/** Reads what was said in an exchange, as far as it is kept; `undefined` where there is no such exchange. */
export async function readBody(db: Kysely<ExchangeTables>, id: string): Promise<ExchangeBody | undefined> {
  const row = await db.selectFrom("exchanges").select(["tip", "rest"]).where("id", "=", id).executeTakeFirst();
  if (!row) return undefined;
  const rest = row.rest === null ? {} : readStored<ExchangeBody>(unpack(row.rest, true));
  const chain = row.tip === null ? [] : await readChain(db, row.tip);
  // It may have been removed meanwhile.
  return chain.length === 0 ? rest : { input: fromChain(chain), ...rest };
}

/** The JSON of a chain's nodes, the first one first. */
async function readChain(db: Kysely<ExchangeTables>, tip: string): Promise<readonly string[]> {
  const rows = await db
    .withRecursive("chain(id, parent, body, packed, distance)", (query) =>
      query
        .selectFrom("exchange_nodes")
        .select(["id", "parent", "body", "packed", sql<number>`0`.as("distance")])
        .where("id", "=", tip)
        .unionAll(
          query
            .selectFrom("chain")
            .innerJoin("exchange_nodes as node", "node.id", "chain.parent")
            .select(["node.id", "node.parent", "node.body", "node.packed", sql<number>`distance + 1`.as("distance")]),
        ),
    )
    .selectFrom("chain")
    .select(["body", "packed"])
    .orderBy("distance", "desc")
    .execute();
  return rows.map(({ body, packed }) => unpack(body, packed === 1));
}
