import type { TokenId } from "../domain/token.ts";
import type { Storage } from "./database.ts";

/** Uses of a token that were counted elsewhere; `hits` are answers that it was given from the cache. */
export type TokenUses = {
  readonly id: TokenId;
  readonly count: number;
  readonly hits?: number;
  readonly lastUsedAt: number;
};

/** Counts what is called with tokens. It writes counters and nothing else, and nothing else writes them. */
export function createTokenUses({ db, now }: Pick<Storage, "db"> & { readonly now: () => number }) {
  return {
    /** Takes one of a token's requests; false where none is left or it may not call any more. */
    async spend(id: TokenId): Promise<boolean> {
      const at = now();
      const { numUpdatedRows } = await db
        .updateTable("tokens")
        .set((table) => ({ request_count: table("request_count", "+", 1), last_used_at: at }))
        .where("id", "=", id)
        .where("is_active", "=", 1)
        .where((table) => table.or([table("expires_at", "is", null), table("expires_at", ">", at)]))
        .where((table) =>
          table.or([table("max_requests", "is", null), table("request_count", "<", table.ref("max_requests"))]),
        )
        .executeTakeFirstOrThrow();
      return numUpdatedRows > 0n;
    },
    /** Gives a request back that never went upstream. */
    async giveBack(id: TokenId): Promise<void> {
      await db
        .updateTable("tokens")
        .set((table) => ({ request_count: table("request_count", "-", 1) }))
        .where("id", "=", id)
        .where("request_count", ">", 0)
        .execute();
    },
    /** Adds uses that were counted in memory. */
    async addUses(uses: readonly TokenUses[]): Promise<void> {
      // In one order everywhere, so that two processes never wait for each other.
      const sorted = uses.toSorted((one, other) => (one.id < other.id ? -1 : 1));
      await db.transaction().execute(async (trx) => {
        for (const { id, count, hits = 0, lastUsedAt } of sorted)
          await trx
            .updateTable("tokens")
            .set((table) => ({
              request_count: table("request_count", "+", count),
              cache_hit_count: table("cache_hit_count", "+", hits),
              last_used_at: table
                .case()
                .when("last_used_at", ">", lastUsedAt)
                .then(table.ref("last_used_at"))
                .else(lastUsedAt)
                .end(),
            }))
            .where("id", "=", id)
            .execute();
      });
    },
  };
}
