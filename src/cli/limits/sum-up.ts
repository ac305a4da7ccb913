import type { EstimationConfig } from "../../limits/estimate.ts";
import type { Group, Samples } from "./collect-samples.ts";
import type { Measure } from "./read-sample.ts";

/** What exchanges of a provider tell, or those of one of its models, or with neither those of all. */
export type Ratio = Pick<Measure, "by"> & {
  readonly provider?: string;
  readonly model?: string;
  readonly exchanges: number;
  /** Characters or bytes for an LLM token: as billed, and as estimates take it now. */
  readonly perToken: number;
  readonly now: number;
  /** What was estimated over what was billed: half of the exchanges, and 95 % of them, are at or below. */
  readonly estimateOverActual: { readonly median: number; readonly p95: number };
};

/** What was measured. */
export type Calibration = {
  /** By provider, each followed by its models, and last bytes, where bodies were too large for their text to be counted. */
  readonly ratios: readonly Ratio[];
  /** Models with fewer exchanges than are wanted. */
  readonly tooFew: readonly (Pick<Group, "provider" | "model" | "by"> & { readonly exchanges: number })[];
};

/** Sums samples up: of a whole in LLM tokens, so that estimates add up to what is billed. */
export function sumUp({ groups }: Pick<Samples, "groups">, estimation: EstimationConfig, min: number): Calibration {
  const sorted = groups.toSorted(
    (one, other) => compare(one.provider, other.provider) || compare(one.model, other.model),
  );
  const enough = sorted.filter(({ quotients }) => quotients.length >= min);
  const counted = enough.filter(({ by }) => by === "characters");
  const large = enough.filter(({ by }) => by === "bytes");
  const providers = new Set(counted.map(({ provider }) => provider));
  return {
    ratios: [
      ...[...providers].flatMap((provider) => {
        const models = counted.filter((group) => group.provider === provider);
        return [{ ...pool("characters", models, nowOf(provider)), provider }, ...models.map(toRatio)];
      }),
      ...(large.length === 0 ? [] : [pool("bytes", large, estimation.bytesPerToken), ...large.map(toRatio)]),
    ],
    tooFew: sorted
      .filter((group) => !enough.includes(group))
      .map(({ provider, model, by, quotients }) => ({ provider, model, by, exchanges: quotients.length })),
  };

  function toRatio(group: Group): Ratio {
    const { provider, model, by } = group;
    const now = by === "bytes" ? estimation.bytesPerToken : nowOf(provider);
    return { ...pool(by, [group], now), provider, model };
  }

  function nowOf(provider: string): number {
    return new Map(Object.entries(estimation.providerCharsPerToken)).get(provider) ?? estimation.charsPerToken;
  }
}

function pool(by: Ratio["by"], groups: readonly Group[], now: number): Ratio {
  const quotients = groups.flatMap((group) => group.quotients).toSorted((one, other) => one - other);
  const sum = (read: (group: Group) => number) => groups.reduce((total, group) => total + read(group), 0);
  return {
    by,
    exchanges: quotients.length,
    perToken: round(sum(({ units }) => units) / sum(({ tokens }) => tokens)),
    now,
    estimateOverActual: { median: round(quantile(quotients, 0.5)), p95: round(quantile(quotients, 0.95)) },
  };
}

/** The nearest rank. */
function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)] ?? 0;
}

/** Two digits after the point say more than any ratio can keep; it stays one that the settings take. */
function round(ratio: number): number {
  return Math.min(1_000_000, Math.max(0.01, Math.round(ratio * 100) / 100));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
