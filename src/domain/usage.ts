/** The counts that a provider bills by, as buckets that never overlap; all but `requests` are LLM tokens. */
export type UsageBuckets = {
  /** Prompt tokens that came from no cache and are plain text. */
  readonly input?: number;
  readonly input_cached?: number;
  readonly input_cache_write_5m?: number;
  readonly input_cache_write_1h?: number;
  readonly input_audio?: number;
  readonly input_image?: number;
  /** Visible answer tokens. */
  readonly output?: number;
  readonly output_reasoning?: number;
  readonly output_audio?: number;
  readonly output_image?: number;
  /** Billed calls of server tools (web search and the like), outside the total. */
  readonly requests?: number;
};

/** A bucket's name. */
export type UsageBucket = keyof UsageBuckets;

/** Usage as it is recorded: buckets, their sum, who said so, and the provider's own object beside it. */
export type Usage = UsageBuckets & {
  readonly source: "provider" | "estimated" | "none";
  /** The sum of every bucket but `requests`. */
  readonly total: number;
  /** The provider's own usage object, untouched; absent where it sent none. */
  readonly raw?: unknown;
  /** Other models worked too and are billed beside these counts (a tool that makes images, an advisor): `raw` has theirs. */
  readonly other_models?: true;
  /** What the provider itself charged, in USD, where it says so (OpenRouter's `cost`). */
  readonly stated_cost_usd?: number;
  /** The service tier that the provider billed by (`flex`, `priority`, `batch`), where it says so. */
  readonly tier?: string;
};

const tokenBuckets = [
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
] as const satisfies readonly UsageBucket[];

/** Buckets in the order in which they are shown. */
export const usageBuckets: readonly UsageBucket[] = [...tokenBuckets, "requests"];

/** Makes a `Usage` of buckets: zero and missing ones left out, never negative, with the total of all LLM tokens. */
export function sumUsage(
  buckets: UsageBuckets,
  about: Pick<Usage, "source" | "raw" | "stated_cost_usd" | "tier"> & { readonly other_models?: boolean },
): Usage {
  const kept: Partial<Record<UsageBucket, number>> = {};
  for (const bucket of usageBuckets) {
    const count = buckets[bucket];
    if (count !== undefined && Number.isFinite(count) && count > 0) kept[bucket] = count;
  }
  const total = tokenBuckets.reduce((sum, bucket) => sum + (kept[bucket] ?? 0), 0);
  const { raw, other_models, stated_cost_usd, tier } = about;
  return {
    ...kept,
    total,
    source: about.source,
    ...(raw === undefined ? {} : { raw }),
    ...(other_models ? { other_models } : {}),
    ...(stated_cost_usd === undefined ? {} : { stated_cost_usd }),
    ...(tier === undefined ? {} : { tier }),
  };
}
