import type { Kysely } from "kysely";
import { type BudgetPeriod, type BudgetScope, findPeriod } from "../domain/budget.ts";
import type { Tables } from "./tables.ts";

/** What was spent in each period up to now. Nano-dollars. */
export type Spent = Readonly<Record<BudgetPeriod, number>>;

const periods = ["day", "month", "total"] as const;
const nothing: Spent = { day: 0, month: 0, total: 0 };

/** Creates what tells how much each of some projects or tokens has spent; those that have no budget spend nothing of one. */
export function createSpentReader(db: Kysely<Tables>, scope: BudgetScope, now: () => number) {
  return async (ids: readonly string[]): Promise<(id: string) => Spent> => {
    if (ids.length === 0) return () => nothing;
    const at = now();
    const rows = await db
      .selectFrom("budget_spend")
      .select(["id", "period", "spent_nano"])
      .where("scope", "=", scope)
      .where("id", "in", ids)
      .where((table) =>
        table.or(
          periods.map((period) => table("period", "=", period).and("starts", "=", findPeriod(period, at).starts)),
        ),
      )
      .execute();
    const byId = Map.groupBy(rows, ({ id }) => id);
    return (id) => ({
      ...nothing,
      ...Object.fromEntries((byId.get(id) ?? []).map(({ period, spent_nano: spent }) => [period, spent])),
    });
  };
}
