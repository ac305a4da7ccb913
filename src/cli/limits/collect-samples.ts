import type { Kysely } from "kysely";
import type { ExchangeSummary } from "../../domain/exchange-summary.ts";
import type { EstimationConfig } from "../../limits/estimate.ts";
import { readBody } from "../../storage/exchange-body.ts";
import { createExchangeQueries } from "../../storage/exchange-queries.ts";
import type { ExchangeTables } from "../../storage/exchange-tables.ts";
import { listLoggedModels } from "../../storage/logged-models.ts";
import { createSampleReader, findReason, leaveOut, type Measure, type Reason, type Sample } from "./read-sample.ts";

/** Which exchanges are looked at; times in milliseconds since the epoch. */
export type Wanted = {
  readonly provider?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Of each model and provider, the newest. */
  readonly most: number;
};

/** What exchanges of one model and provider told together. */
export type Group = Pick<Measure, "provider" | "by"> & {
  readonly model: string;
  readonly units: number;
  readonly tokens: number;
  /** Estimate over actual, of each exchange. */
  readonly quotients: readonly number[];
};

/** All that was found. */
export type Samples = {
  readonly groups: readonly Group[];
  readonly leftOut: ReadonlyMap<Reason, number>;
  /** When the first and the last exchange began that were counted. Milliseconds since the epoch. */
  readonly span?: { readonly first: number; readonly last: number };
  /** Whether there are models that nobody looked at. */
  readonly cut: boolean;
};

/** More models than anybody has, and so many exchanges are looked at for each that is counted. */
const mostModels = 500;
const mostLooked = 4;
const pageSize = 100;

/** Collects samples, model by model, the newest first; what is held and what is read are bounded. */
export async function collectSamples(
  db: Kysely<ExchangeTables>,
  estimation: EstimationConfig,
  { most, ...filter }: Wanted,
): Promise<Samples> {
  const exchanges = createExchangeQueries(db);
  const read = createSampleReader(estimation);
  const groups = new Map<string, GrowingGroup>();
  const leftOut = new Map<Reason, number>();
  let span: { first: number; last: number } | undefined;
  const models = await listLoggedModels(db, mostModels + 1);
  for (const model of models.slice(0, mostModels)) await collectModel(model);
  return { groups: [...groups.values()], leftOut, ...(span && { span }), cut: models.length > mostModels };

  async function collectModel(model: string): Promise<void> {
    const measured = new Map<string | null, number>();
    let after: string | undefined;
    for (let looked = 0; looked < Math.max(pageSize, most * mostLooked); looked += pageSize) {
      const page = await exchanges.list(
        { ...filter, model },
        { limit: pageSize, ...(after !== undefined && { after }) },
      );
      for (const summary of page.items) {
        const count = measured.get(summary.provider) ?? 0;
        if (count < most && (await takeOne(model, summary))) measured.set(summary.provider, count + 1);
      }
      if (page.next === undefined) return;
      after = page.next;
    }
  }

  /** Says whether it could be counted. */
  async function takeOne(model: string, summary: ExchangeSummary): Promise<boolean> {
    const reason = findReason(summary);
    const sample = reason === undefined ? await open(summary) : leaveOut(reason);
    if (sample.kind === "left_out") {
      leftOut.set(sample.reason, (leftOut.get(sample.reason) ?? 0) + 1);
      return false;
    }
    add(model, sample);
    const { startedAt: at } = summary;
    span = { first: Math.min(span?.first ?? at, at), last: Math.max(span?.last ?? at, at) };
    return true;
  }

  async function open(summary: ExchangeSummary): Promise<Sample> {
    const found = await exchanges.find(summary.id);
    const body = found?.hasBody ? await readBody(db, summary.id) : undefined;
    // It may have been removed meanwhile.
    return found && body ? read(summary, found.facts, body) : leaveOut("no_body");
  }

  function add(model: string, { provider, by, units, tokens, estimate }: Measure): void {
    const key = JSON.stringify([by, provider, model]);
    const group = groups.get(key) ?? { provider, model, by, units: 0, tokens: 0, quotients: [] };
    groups.set(key, group);
    group.units += units;
    group.tokens += tokens;
    group.quotients.push(estimate / tokens);
  }
}

type GrowingGroup = Omit<Group, "units" | "tokens" | "quotients"> & {
  units: number;
  tokens: number;
  readonly quotients: number[];
};
