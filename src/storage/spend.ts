import type { Transaction } from "kysely";
import { keptOf, sliceOf, type SpendKey, type SpendNews, type SpendState, type SpendStore } from "../domain/spend.ts";
import { keepNotices } from "./budget-notices.ts";
import type { Storage } from "./database.ts";
import { createDatabaseTime } from "./database-time.ts";
import type { BudgetLeaseRow, Tables } from "./tables.ts";

/** A lease of which nothing was heard for so long is nobody's any more. Milliseconds. */
const leaseLapsesMs = 15_000;
/** What is left of a process that died, and of a day's or month's sum, is forgotten after these. Milliseconds. */
const leaseForgottenMs = 86_400_000;
const sumForgottenMs = 400 * 86_400_000;

/** Creates the store of what is spent of budgets; leases lapse by the database's own clock, unless another is given. */
export function createSpendStore({ db, driver }: Pick<Storage, "db" | "driver">, now?: () => number): SpendStore {
  const time = createDatabaseTime(driver, now);

  return {
    sync: (holder, news, describe = () => []) =>
      db.transaction().execute(async (trx) => {
        const states = new Map<SpendNews, SpendState>();
        // In one order everywhere, so that two processes never wait for each other.
        for (const part of news.toSorted(byKey)) {
          const state = await syncPart(trx, holder, part);
          await keepNotices(trx, time, describe(part, state));
          states.set(part, state);
        }
        return news.flatMap((part) => states.get(part) ?? []);
      }),
    async touch(holder) {
      const touched = await db
        .updateTable("budget_leases")
        .set({ seen_at: time() })
        .where("holder", "=", holder)
        .where("seen_at", ">", time(-leaseLapsesMs))
        .returning("turn")
        .execute();
      return touched.map(({ turn }) => turn);
    },
    async end(holder, turns) {
      await db.deleteFrom("budget_leases").where("holder", "=", holder).where("turn", "in", turns).execute();
      await db.deleteFrom("budget_leases").where("seen_at", "<", time(-leaseForgottenMs)).execute();
      await db
        .deleteFrom("budget_spend")
        .where("period", "in", ["day", "month"])
        .where("starts", "<", time(-sumForgottenMs))
        .execute();
    },
  };

  async function syncPart(trx: Transaction<Tables>, holder: string, part: SpendNews): Promise<SpendState> {
    const { turn, settled, reserved, amount } = part;
    const sum = await takeSum(trx, part);
    const leases = await listLeases(trx, holder, part);
    const before = leases.find((lease) => lease.holder === holder && lease.turn === turn)?.settled_nano ?? 0;
    const spent = sum.spent_nano + settled - before;
    const others = leases.reduce(
      (total, lease) => (lease.holder === holder && lease.turn === turn ? total : total + lease.amount_nano),
      0,
    );
    const left = amount - spent - others - reserved;
    const lease = reserved + Math.max(0, Math.min(left, wish(part, left)));
    await trx
      .insertInto("budget_leases")
      .values({ holder, ...keyOf(part), turn, amount_nano: lease, settled_nano: settled, seen_at: time() })
      .onConflict((conflict) =>
        conflict
          .columns(["holder", "turn"])
          .doUpdateSet({ amount_nano: lease, settled_nano: settled, seen_at: time() }),
      )
      .execute();
    const passed = part.thresholds.filter((threshold) => threshold > sum.told_nano && threshold <= spent);
    const exhausted = part.exhausted && sum.refused_nano < amount;
    if (spent !== sum.spent_nano || passed.length > 0 || exhausted)
      await trx
        .updateTable("budget_spend")
        .set({
          spent_nano: spent,
          told_nano: passed.at(-1) ?? sum.told_nano,
          refused_nano: exhausted ? amount : sum.refused_nano,
        })
        .where("scope", "=", part.scope)
        .where("id", "=", part.id)
        .where("period", "=", part.period)
        .where("starts", "=", part.starts)
        .execute();
    return { lease, left, spent, passed, exhausted };
  }

  /** The sum's row, which nobody else has until the end of the transaction. */
  function takeSum(trx: Transaction<Tables>, part: SpendNews) {
    return trx
      .insertInto("budget_spend")
      .values({ ...keyOf(part), spent_nano: 0, told_nano: 0, refused_nano: 0 })
      .onConflict((conflict) =>
        conflict
          .columns(["scope", "id", "period", "starts"])
          .doUpdateSet((table) => ({ spent_nano: table.ref("budget_spend.spent_nano") })),
      )
      .returning(["spent_nano", "told_nano", "refused_nano"])
      .executeTakeFirstOrThrow();
  }

  /** Those of the living, and this process's own, which may have lapsed. */
  function listLeases(trx: Transaction<Tables>, holder: string, part: SpendNews): Promise<readonly BudgetLeaseRow[]> {
    return trx
      .selectFrom("budget_leases")
      .selectAll()
      .where("scope", "=", part.scope)
      .where("id", "=", part.id)
      .where("period", "=", part.period)
      .where("starts", "=", part.starts)
      .where((table) =>
        table.or([
          table("seen_at", ">", time(-leaseLapsesMs)),
          table.and([table("holder", "=", holder), table("turn", "=", part.turn)]),
        ]),
      )
      .execute();
  }
}

/** What is wanted beside what is reserved: calls that wait are served as long as they fit, and a share goes with them. */
function wish(part: SpendNews, left: number): number {
  const { needs, keep, peak } = part;
  let fitting = 0;
  for (const need of needs) if (fitting + need <= left) fitting += need;
  if (fitting === 0) return keptOf(part, left);
  // A part of a call is of use to nobody.
  const call = Math.max(...needs);
  return Math.max(fitting, Math.floor(sliceOf(left) / call) * call, Math.min(keep, peak));
}

function keyOf({ scope, id, period, starts }: SpendKey): SpendKey {
  return { scope, id, period, starts };
}

function byKey(one: SpendKey, other: SpendKey): number {
  const [left, right] = [one, other].map(({ scope, id, period, starts }) =>
    JSON.stringify([scope, id, period, starts]),
  );
  return (left ?? "") < (right ?? "") ? -1 : 1;
}
