import type { Exchange } from "../../domain/exchange.ts";
import type { RepricedBatch } from "../../storage/reprice-exchanges.ts";

/** What was different of one model, or of all. */
export type CostDifference = {
  readonly exchanges: number;
  readonly oldNanoUsd: bigint;
  readonly newNanoUsd: bigint;
  /** Those that had no price and have one now, and the other way round. */
  readonly priced: number;
  readonly unpriced: number;
};

/** What of one model was different. */
export type ModelDifference = CostDifference & { readonly provider?: string; readonly model?: string };

/** What came of all batches. */
export type Repricing = {
  readonly looked: number;
  /** The models whose cost differs most first. */
  readonly models: readonly ModelDifference[];
  readonly total: CostDifference;
  readonly left: Readonly<Record<string, number>>;
};

/** Adds up what comes of batches. */
export type RepricingTally = { readonly add: (batch: RepricedBatch) => void; readonly sum: () => Repricing };

const nothing: CostDifference = { exchanges: 0, oldNanoUsd: 0n, newNanoUsd: 0n, priced: 0, unpriced: 0 };

/** Creates it. */
export function createRepricingTally(): RepricingTally {
  const models = new Map<string, ModelDifference>();
  const left: Record<string, number> = {};
  let total = nothing;
  let looked = 0;
  return {
    add(batch) {
      looked += batch.looked;
      for (const reason of batch.left) left[reason] = (left[reason] ?? 0) + 1;
      for (const { before, after } of batch.changed) {
        const { provider, model } = after;
        const name = JSON.stringify([provider, model]);
        const difference = differenceOf(before, after);
        models.set(name, { provider, model, ...plus(models.get(name) ?? nothing, difference) });
        total = plus(total, difference);
      }
    },
    sum: () => ({
      looked,
      models: [...models.values()].toSorted((a, b) => compare(sizeOf(b), sizeOf(a))),
      total,
      left,
    }),
  };
}

function differenceOf(before: Exchange, after: Exchange): CostDifference {
  return {
    exchanges: 1,
    oldNanoUsd: BigInt(before.cost_nano_usd ?? 0),
    newNanoUsd: BigInt(after.cost_nano_usd ?? 0),
    priced: before.unpriced && !after.unpriced ? 1 : 0,
    unpriced: !before.unpriced && after.unpriced ? 1 : 0,
  };
}

function plus(one: CostDifference, other: CostDifference): CostDifference {
  return {
    exchanges: one.exchanges + other.exchanges,
    oldNanoUsd: one.oldNanoUsd + other.oldNanoUsd,
    newNanoUsd: one.newNanoUsd + other.newNanoUsd,
    priced: one.priced + other.priced,
    unpriced: one.unpriced + other.unpriced,
  };
}

function sizeOf({ oldNanoUsd, newNanoUsd }: CostDifference): bigint {
  return newNanoUsd > oldNanoUsd ? newNanoUsd - oldNanoUsd : oldNanoUsd - newNanoUsd;
}

function compare(one: bigint, other: bigint): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
