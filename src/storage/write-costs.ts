import type { Exchange } from "../domain/exchange.ts";
import { type ColumnType, type Run, rowsOf, toStatement, type Value } from "./bulk.ts";
import { postgresSchema } from "./database.ts";
import { readMoney } from "./exchange-rows.ts";
import { keyValues, statements } from "./exchange-statements.ts";
import type { ExchangeRow } from "./exchange-tables.ts";
import { sumExchanges, sumKeys } from "./usage-sums.ts";

/** An exchange of the log whose cost is another one now. */
export type CostChange = {
  readonly row: Pick<ExchangeRow, "id" | "facts">;
  readonly before: Exchange;
  readonly after: Exchange;
};

const keyTypes = Object.fromEntries(
  sumKeys.map((name): [string, ColumnType] => [name, name === "hour" || name === "status" ? "int8" : "text"]),
);

/** `id, facts, cost_nano_usd, unpriced, more bytes, former facts`; gives those that still were what they are said to have been. */
const putCosts = toStatement<Pick<ExchangeRow, "id">>({
  sqlite: `update exchanges set facts = ?2, cost_nano_usd = ?3, unpriced = ?4, size = size + ?5
    where id = ?1 and facts = ?6 returning id`,
  postgres: `update ${postgresSchema}.exchanges e
    set facts = v.facts, cost_nano_usd = v.cost, unpriced = v.unpriced, size = e.size + v.more
    from ${rowsOf({ id: "text", facts: "text", cost: "int8", unpriced: "int8", more: "int8", former: "text" })}
    where e.id = v.id and e.facts = v.former returning e.id`,
});

/** `more cost_nano_usd, more unpriced`, and the key of sums; gives those that are there. */
const addCosts = toStatement<{ readonly hour: number }>({
  sqlite: `update usage_sums set cost_nano_usd = cost_nano_usd + ?, unpriced = unpriced + ?
    where ${sumKeys.map((name) => `${name} = ?`).join(" and ")} returning hour`,
  postgres: `update ${postgresSchema}.usage_sums s
    set cost_nano_usd = s.cost_nano_usd + v.cost, unpriced = s.unpriced + v.more_unpriced
    from ${rowsOf({ cost: "int8", more_unpriced: "int8", ...keyTypes })}
    where ${sumKeys.map((name) => `s.${name} = v.${name}`).join(" and ")} returning s.hour`,
});

/**
 * Writes costs within a transaction, into exchanges and their sums; gives the changes that were made. An exchange that was removed
 * or changed since it was read stays as it is.
 */
export async function writeCosts(run: Run, changes: readonly CostChange[]): Promise<readonly CostChange[]> {
  const rows = changes.map(toRow);
  const written = new Set((await run(putCosts, rows.map(rowValues))).map(({ id }) => id));
  const made = changes.filter(({ row }) => written.has(row.id));
  const more = rows.reduce((sum, row) => (written.has(row.id) ? sum + row.more : sum), 0);
  const differences = toDifferences(made);
  const summed = await run(addCosts, differences);
  if (summed.length !== differences.length)
    throw new Error("The exchange log has exchanges that are not in its sums, so their cost can't be changed");
  if (more !== 0) await run(statements.addBytes, [[more]]);
  return made;
}

type NewRow = Pick<ExchangeRow, "id" | "facts" | "cost_nano_usd" | "unpriced"> & {
  readonly more: number;
  readonly former: string;
};

function toRow({ row: { id, facts: former }, after }: CostChange): NewRow {
  const facts = JSON.stringify(after);
  return {
    id,
    facts,
    cost_nano_usd: after.cost_nano_usd === undefined ? null : readMoney(after.cost_nano_usd),
    unpriced: after.unpriced ? 1 : 0,
    more: facts.length - former.length,
    former,
  };
}

function rowValues({ id, facts, cost_nano_usd, unpriced, more, former }: NewRow): readonly Value[] {
  return [id, facts, cost_nano_usd, unpriced, more, former];
}

/** By how much sums are different, each once; no cost is part of what tells them apart. */
function toDifferences(changes: readonly CostChange[]): readonly (readonly Value[])[] {
  const before = sumExchanges(changes.map((change) => change.before));
  const after = sumExchanges(changes.map((change) => change.after));
  return after.flatMap((sum, at) => {
    const former = before[at]?.counts ?? sum.counts;
    const cost = sum.counts.cost_nano_usd - former.cost_nano_usd;
    const unpriced = sum.counts.unpriced - former.unpriced;
    return cost === 0 && unpriced === 0 ? [] : [[cost, unpriced, ...keyValues(sum)]];
  });
}
