import type { Exchange } from "../domain/exchange.ts";
import { createSketch, type Sketch } from "../lib/sketch.ts";
import { readMoney, toCount, toKey } from "./exchange-rows.ts";
import type { UsageSumRow } from "./exchange-tables.ts";

const hourMs = 3_600_000;

/** What tells the rows of sums apart, in the order of their key. */
export const sumKeys = [
  "hour",
  "project_id",
  "token_id",
  "user_id",
  "provider",
  "model",
  "status",
] as const satisfies readonly (keyof UsageSumRow)[];

/** What is added up. */
export const summed = [
  "requests",
  "errors",
  "cache_hits",
  "unpriced",
  "input",
  "input_cached",
  "input_cache_write_5m",
  "input_cache_write_1h",
  "input_audio",
  "input_image",
  "output",
  "output_reasoning",
  "output_audio",
  "output_image",
  "cost_nano_usd",
  "saved_nano_usd",
] as const satisfies readonly (keyof UsageSumRow)[];

/** What some exchanges of one hour and kind come to. */
export type UsageSum = {
  readonly key: Pick<UsageSumRow, (typeof sumKeys)[number]>;
  readonly counts: Readonly<Record<(typeof summed)[number], number>>;
  readonly durations: Sketch;
  readonly firstBytes: Sketch;
};

/** Adds exchanges up, those together that differ in nothing that sums are asked by. */
export function sumExchanges(exchanges: readonly Exchange[]): readonly UsageSum[] {
  const sums = new Map<string, UsageSum>();
  for (const exchange of exchanges) {
    const key = keyOf(exchange);
    const name = JSON.stringify(Object.values(key));
    const before = sums.get(name);
    const { durations, firstBytes } = before ?? { durations: createSketch(), firstBytes: createSketch() };
    durations.add(exchange.duration_ms, exchange.count ?? 1);
    if (exchange.first_byte_ms !== undefined) firstBytes.add(exchange.first_byte_ms, exchange.count ?? 1);
    sums.set(name, { key, counts: add(countsOf(exchange), before?.counts), durations, firstBytes });
  }
  return [...sums.values()];
}

function keyOf(exchange: Exchange): UsageSum["key"] {
  const startedAt = Date.parse(exchange.started_at);
  return {
    hour: startedAt - (startedAt % hourMs),
    project_id: toKey(exchange.project_id) ?? "",
    token_id: toKey(exchange.token_id) ?? "",
    user_id: toKey(exchange.attribution.user) ?? "",
    provider: toKey(exchange.provider) ?? "",
    model: toKey(exchange.model) ?? "",
    status: exchange.status ?? 0,
  };
}

function countsOf(exchange: Exchange): UsageSum["counts"] {
  const { usage, count = 1 } = exchange;
  const isHit = exchange.cache === "hit";
  return {
    requests: count,
    errors: isError(exchange) ? count : 0,
    cache_hits: isHit ? count : 0,
    unpriced: exchange.unpriced ? count : 0,
    input: toCount(usage.input),
    input_cached: toCount(usage.input_cached),
    input_cache_write_5m: toCount(usage.input_cache_write_5m),
    input_cache_write_1h: toCount(usage.input_cache_write_1h),
    input_audio: toCount(usage.input_audio),
    input_image: toCount(usage.input_image),
    output: toCount(usage.output),
    output_reasoning: toCount(usage.output_reasoning),
    output_audio: toCount(usage.output_audio),
    output_image: toCount(usage.output_image),
    cost_nano_usd: isHit ? 0 : readMoney(exchange.cost_nano_usd),
    saved_nano_usd: isHit ? readMoney(exchange.saved_nano_usd) : 0,
  };
}

/** Refused, failed, or answered with an error; a consumer who left is none. */
function isError({ outcome, error, status = 0 }: Exchange): boolean {
  return outcome !== "aborted" && (outcome !== "answered" || error !== undefined || status >= 400);
}

function add(counts: UsageSum["counts"], before: UsageSum["counts"] | undefined): UsageSum["counts"] {
  if (!before) return counts;
  const both = { ...counts };
  for (const name of summed) both[name] += before[name];
  return both;
}
