import type { Exchange } from "../domain/exchange.ts";
import { type UsageBucket, usageBuckets, type UsageBuckets } from "../domain/usage.ts";
import { failureOf } from "../sinks/exchange-facts.ts";

/** What one model did. */
export type ModelTally = {
  /** Absent for calls that have none, such as lists of models. */
  readonly model?: string;
  readonly provider?: string;
  readonly calls: number;
  readonly errors: number;
  readonly usage: UsageBuckets;
  /** Calls whose usage was estimated. */
  readonly estimated: number;
  /** Of all priced calls, in nano-dollars. */
  readonly costNanoUsd: string;
  readonly unpriced: number;
  readonly slowestMs: number;
};

/** What a run of exchanges came to. */
export type Tally = {
  readonly calls: number;
  readonly errors: number;
  /** In nano-dollars. */
  readonly costNanoUsd: string;
  readonly unpriced: number;
  /** The most used first. */
  readonly models: readonly ModelTally[];
  /** What went wrong, as one word each, the most frequent first. */
  readonly failures: readonly { readonly type: string; readonly count: number }[];
  readonly slowest?: {
    readonly id: string;
    readonly model?: string;
    readonly path: string;
    readonly durationMs: number;
  };
};

/** Different models, and kinds of failures, that are told apart; the rest are one. */
const mostModels = 100;
const mostFailures = 20;
const others = "others";

type Counts = {
  readonly model?: string;
  readonly provider?: string;
  calls: number;
  errors: number;
  readonly usage: Partial<Record<UsageBucket, number>>;
  estimated: number;
  costNanoUsd: bigint;
  unpriced: number;
  slowestMs: number;
};

/** Adds exchanges up, by model. */
export function createTally() {
  const byModel = new Map<string, Counts>();
  const failures = new Map<string, number>();
  let slowest: Tally["slowest"];

  function countsOf({ model, provider }: Exchange): Counts {
    const key = JSON.stringify([provider, model]);
    const known = byModel.get(key) ?? (byModel.size < mostModels ? undefined : byModel.get(others));
    if (known !== undefined) return known;
    const name = byModel.size < mostModels ? { model, provider } : { model: others };
    const counts = {
      ...name,
      calls: 0,
      errors: 0,
      usage: {},
      estimated: 0,
      costNanoUsd: 0n,
      unpriced: 0,
      slowestMs: 0,
    };
    byModel.set(byModel.size < mostModels ? key : others, counts);
    return counts;
  }

  function noteFailure(type: string, count: number): void {
    const name = failures.has(type) || failures.size < mostFailures ? type : others;
    failures.set(name, (failures.get(name) ?? 0) + count);
  }

  return {
    add(exchange: Exchange): void {
      const { id, model, path, usage, duration_ms: durationMs, count = 1 } = exchange;
      const counts = countsOf(exchange);
      const failure = failureOf(exchange);
      counts.calls += count;
      if (failure?.kind === "error") {
        counts.errors += count;
        noteFailure(failure.type, count);
      }
      for (const bucket of usageBuckets) {
        const more = usage[bucket];
        if (more !== undefined) counts.usage[bucket] = (counts.usage[bucket] ?? 0) + more;
      }
      if (usage.source === "estimated") counts.estimated += 1;
      if (exchange.unpriced) counts.unpriced += 1;
      counts.costNanoUsd += BigInt(exchange.cost_nano_usd ?? 0);
      counts.slowestMs = Math.max(counts.slowestMs, durationMs);
      if (durationMs > (slowest?.durationMs ?? -1))
        slowest = { id, path, durationMs, ...(model === undefined ? {} : { model }) };
    },
    read(): Tally {
      const models = [...byModel.values()].toSorted((one, other) => other.calls - one.calls);
      return {
        calls: models.reduce((sum, { calls }) => sum + calls, 0),
        errors: models.reduce((sum, { errors }) => sum + errors, 0),
        costNanoUsd: String(models.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0n)),
        unpriced: models.reduce((sum, { unpriced }) => sum + unpriced, 0),
        models: models.map(({ costNanoUsd, ...counts }) => ({ ...counts, costNanoUsd: String(costNanoUsd) })),
        failures: [...failures]
          .map(([type, count]) => ({ type, count }))
          .toSorted((one, other) => other.count - one.count),
        ...(slowest === undefined ? {} : { slowest }),
      };
    },
  };
}
