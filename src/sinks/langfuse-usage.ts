import type { Cost } from "../domain/exchange.ts";
import { type Usage, type UsageBucket, usageBuckets } from "../domain/usage.ts";

/** Langfuse prices a count by the name of its key, so these are the names of its own price table. */
const keys: Readonly<Record<Exclude<UsageBucket, "requests">, string>> = {
  input: "input",
  input_cached: "input_cached_tokens",
  input_cache_write_5m: "input_cache_creation_5m",
  input_cache_write_1h: "input_cache_creation_1h",
  input_audio: "input_audio_tokens",
  input_image: "input_image_tokens",
  output: "output",
  output_reasoning: "output_reasoning_tokens",
  output_audio: "output_audio_tokens",
  output_image: "output_image_tokens",
};

/** The counts by Langfuse's keys with their sum; `undefined` where nothing was counted. */
export function usageDetails(usage: Usage): Readonly<Record<string, number>> | undefined {
  const details: Record<string, number> = {};
  let total = 0;
  for (const bucket of usageBuckets) {
    const count = usage[bucket] ?? 0;
    if (count === 0 || bucket === "requests") continue;
    details[keys[bucket]] = count;
    total += count;
  }
  return total === 0 ? undefined : { ...details, total };
}

/** The cost in USD by Langfuse's keys with its sum; `undefined` where the price is unknown, so that Langfuse may apply its own. */
export function costDetails(
  cost: Cost | undefined,
  totalNanoUsd: string | undefined,
): Readonly<Record<string, number>> | undefined {
  if (totalNanoUsd === undefined) return undefined;
  const nanos = new Map<string, bigint>();
  for (const { bucket, nano_usd } of cost?.lines ?? []) {
    if (bucket === "stated") continue;
    const key = bucket === "requests" ? "requests" : keys[bucket];
    nanos.set(key, (nanos.get(key) ?? 0n) + BigInt(nano_usd));
  }
  nanos.set("total", BigInt(totalNanoUsd));
  return Object.fromEntries([...nanos].map(([key, nano]) => [key, usd(nano)]));
}

/** Written as a decimal first, so that the double is the one nearest to the exact amount. */
function usd(nano: bigint): number {
  const digits = String(nano).padStart(10, "0");
  return Number(`${digits.slice(0, -9)}.${digits.slice(-9)}`);
}
