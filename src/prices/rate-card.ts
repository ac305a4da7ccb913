import type { UsageBucket, UsageBuckets } from "../domain/usage.ts";
import type { Decimal } from "../lib/decimal.ts";

/** A price in USD for a million, and what it becomes above so many LLM tokens of input; tiers ascend. */
export type Rate = {
  readonly base: Decimal;
  readonly tiers: readonly { readonly above: number; readonly price: Decimal }[];
};

/** What one model costs at one time. */
export type RateCard = {
  /** A bucket without a rate can't be priced. */
  readonly rates: Readonly<Partial<Record<UsageBucket, Rate>>>;
  /** Charged once for every answered request. */
  readonly fee?: Rate;
  /** The model is known to cost nothing. */
  readonly free?: true;
};

/** A model as a price list has it. */
export type Listing = {
  /** Whose price list: the provider's name there; of an operator's own prices the provider that they are limited to. */
  readonly provider?: string;
  /** The model's name there; of an operator's own prices the name or glob in the configuration. */
  readonly model: string;
  /** The name by which it was found. */
  readonly matched: string;
  readonly source: "genai-prices" | "config";
  /** Which state of that source this is. */
  readonly version: string;
  /** The rates that hold at a time, in milliseconds since the epoch; `undefined` where none does. */
  readonly at: (time: number) => RateCard | undefined;
};

/** The price that holds for a request with so many LLM tokens of input. */
export function priceOf(rate: Rate, inputTokens: number): Decimal {
  return rate.tiers.findLast((tier) => inputTokens > tier.above)?.price ?? rate.base;
}

/** What long-context tiers are chosen by: all input, cached or not. */
export function inputTokensOf(usage: UsageBuckets): number {
  const { input, input_cached, input_cache_write_5m, input_cache_write_1h, input_audio, input_image } = usage;
  const buckets = [input, input_cached, input_cache_write_5m, input_cache_write_1h, input_audio, input_image];
  return buckets.reduce<number>((sum, count) => sum + (count ?? 0), 0);
}
