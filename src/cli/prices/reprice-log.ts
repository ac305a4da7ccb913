import type { Config } from "../../config/config.ts";
import { createPriceBook } from "../../prices/price-book.ts";
import type { PriceData } from "../../prices/price-data.ts";
import { repriceExchange } from "../../prices/reprice-exchange.ts";
import type { DatabaseConfig } from "../../storage/database.ts";
import { repriceExchanges, type RepriceFilter } from "../../storage/reprice-exchanges.ts";
import { complain } from "../command.ts";
import { describeDatabase, explainDatabaseFault } from "../database-fault.ts";
import { fail, isThere, refuse } from "../on-database.ts";
import { type ControlPlane, openControlPlane } from "./control-plane.ts";
import { writeDifference } from "./describe-repricing.ts";
import { createRepricingTally, type Repricing } from "./repricing-tally.ts";

/** Which exchanges of which log are repriced, with what. */
export type RepriceLogParts = {
  readonly config: Config;
  readonly data: PriceData;
  /** `projectId` is a project's id or its name. */
  readonly filter: RepriceFilter;
  readonly dryRun: boolean;
};

/** Prices the exchange log of the settings anew, or ends the program with what keeps it from that: 3 where its database can't be reached, else 1. */
export async function repriceLog({ config, data, filter, dryRun }: RepriceLogParts): Promise<Repricing> {
  const { database, durable } = config.telemetry.exchangeLog;
  if (!isThere(database))
    fail(`${describeDatabase(database)} isn't there: check DATA_DIR, or start the server once, with the sink "store"`);
  const prices = createPriceBook({ own: config.prices.own, data });
  const tally = createRepricingTally();
  await using control = await openControlPlane(config.control, { readOnly: dryRun }).catch((error: unknown) =>
    endWith(error, config.control.database),
  );
  try {
    const meant = { ...filter, projectId: await findProject(control, filter.projectId) };
    const about = describeFilter(meant);
    const batches = repriceExchanges({
      database,
      durable,
      filter: meant,
      price: (exchange, findOutput) => repriceExchange(prices, exchange, findOutput),
      dryRun,
      // Two entries: a run that breaks off in the middle has changed something too.
      onFirstChange: async () => control?.note({ reason: "begun", after: about, ...ofProject(meant) }),
    });
    for await (const batch of batches) tally.add(batch);
    const done = tally.sum();
    if (!dryRun && done.total.exchanges > 0)
      await control?.note({ reason: "done", after: { ...about, ...inSnakeCase(done) }, ...ofProject(meant) });
    return done;
  } catch (error) {
    const changed = !dryRun && tally.sum().total.exchanges > 0;
    return endWith(
      error,
      database,
      changed ? ["What was repriced until then stays so: run it again for the rest."] : [],
    );
  }
}

function endWith(error: unknown, database: DatabaseConfig, more: readonly string[] = []): never {
  const { message, unreachable } = explainDatabaseFault(error, database);
  complain([message, ...more]);
  process.exit(unreachable ? 3 : 1);
}

async function findProject(control: ControlPlane | undefined, named: string | undefined): Promise<string | undefined> {
  if (named === undefined || !control) return named;
  const id = await control.findProject(named);
  return id ?? refuse(`--project must be the id or the name of a project; there is no "${named}"`);
}

function describeFilter({ from, to, provider, model }: RepriceFilter): Readonly<Record<string, unknown>> {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString(), provider, model };
}

function ofProject({ projectId }: RepriceFilter): { readonly projectId?: string } {
  return projectId === undefined ? {} : { projectId };
}

function inSnakeCase({ total }: Repricing): Readonly<Record<string, unknown>> {
  const { exchanges, oldCostUsd, newCostUsd } = writeDifference(total);
  return { exchanges, old_cost_usd: oldCostUsd, new_cost_usd: newCostUsd };
}
