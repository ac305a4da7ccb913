/** USD for a million, as decimal text. */
export type Usd = string;

/** Prices by what is counted; LLM tokens, but for the last two. */
export type OwnRates = {
  readonly input?: Usd;
  readonly output?: Usd;
  readonly cache_read?: Usd;
  readonly cache_write_5m?: Usd;
  readonly cache_write_1h?: Usd;
  readonly input_audio?: Usd;
  readonly input_image?: Usd;
  readonly reasoning?: Usd;
  readonly output_audio?: Usd;
  readonly output_image?: Usd;
  /** Calls of server tools. */
  readonly requests?: Usd;
  /** Answered requests, whatever they used. */
  readonly per_request?: Usd;
};

/** The names of what can have a price. */
export const ownRateNames: readonly (keyof OwnRates)[] = [
  "input",
  "output",
  "cache_read",
  "cache_write_5m",
  "cache_write_1h",
  "input_audio",
  "input_image",
  "reasoning",
  "output_audio",
  "output_image",
  "requests",
  "per_request",
];

/** What an operator says that a model costs. */
export type OwnPrice = OwnRates & {
  /** Only where this provider serves it. */
  readonly provider?: string;
  /** The day, in UTC, from which it holds: `2026-01-31`. */
  readonly from?: string;
  /** What changes above so many LLM tokens of input. */
  readonly tiers?: readonly (OwnRates & { readonly above: number })[];
};

/** Prices and names that an operator has set; a name may be a glob. */
export type OwnPrices = {
  /** By the model's name; several where its price changes, or differs from provider to provider. */
  readonly models: Readonly<Record<string, readonly OwnPrice[]>>;
  /** Names of the operator's own, each for a name that has a price. */
  readonly aliases: Readonly<Record<string, string>>;
};
