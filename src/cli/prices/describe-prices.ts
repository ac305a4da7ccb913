import type { CostLine } from "../../domain/exchange.ts";
import { type UsageBucket, usageBuckets } from "../../domain/usage.ts";
import { type Decimal, writeDecimal } from "../../lib/decimal.ts";
import type { Pricing } from "../../prices/price-book.ts";
import type { Listing, Rate, RateCard } from "../../prices/rate-card.ts";
import { formatCount, formatNumberOf, formatTable } from "../format.ts";
import { describeTier } from "./describe-tier.ts";

/** A model's price list, and what it says at one time. */
export type PricedListing = { readonly listing: Listing; readonly card: RateCard };

const columns: readonly (readonly [title: string, bucket: UsageBucket])[] = [
  ["input", "input"],
  ["cached", "input_cached"],
  ["write 5m", "input_cache_write_5m"],
  ["write 1h", "input_cache_write_1h"],
  ["output", "output"],
];

/** Prices of many models, as a table. */
export function describeListings(version: string, rows: readonly PricedListing[]): readonly string[] {
  const table = rows.map(({ listing, card }) => [
    listing.provider ?? "any",
    listing.model,
    ...columns.map(([, bucket]) => (card.free ? "free" : usd(card.rates[bucket]?.base))),
    card.rates.input?.tiers.map(({ above }) => formatCount(above)).join(", ") ?? "",
    listing.source === "config" ? "config" : "",
  ]);
  const head = ["provider", "model", ...columns.map(([title]) => title), "dearer above", ""];
  return [
    `USD for a million. Price data: genai-prices ${version}. "weir prices explain <model>" says more.`,
    ...formatTable([head, ...table], [2, 3, 4, 5, 6, 7]),
    formatNumberOf(rows.length, "model"),
  ];
}

/** A price list as plain data: prices in USD for a million, as text. */
export function writeCard({ rates, fee, free }: RateCard): Readonly<Record<string, unknown>> {
  const named = [...usageBuckets.map((bucket) => [bucket, rates[bucket]] as const), ["per_request", fee] as const];
  const written = named.flatMap(([name, rate]) => (rate === undefined ? [] : [[name, writeRate(rate)] as const]));
  return { ...(free ? { free } : {}), usdPerMillion: Object.fromEntries(written) };
}

function writeRate({ base, tiers }: Rate): unknown {
  if (tiers.length === 0) return writeDecimal(base);
  return { base: writeDecimal(base), tiers: tiers.map(({ above, price }) => ({ above, price: writeDecimal(price) })) };
}

/** What is known of one model's price. */
export type Explanation = {
  readonly model: string;
  /** The name that it is looked up by, where that is an alias's. */
  readonly pricedAs: string;
  /** Whose call it is. */
  readonly provider?: string;
  /** Whether nobody said so, and it was found by the model's name. */
  readonly isAssumed: boolean;
  /** Other providers that have a price of their own for it. */
  readonly others: readonly string[];
  readonly tier?: string;
  readonly at: number;
  readonly listing: Listing | undefined;
  /** What the usage costs that was given. */
  readonly pricing: Pricing | undefined;
};

/** Says where a price comes from and what it is, for people and as data. */
export function describeExplanation(explanation: Explanation): {
  readonly lines: readonly string[];
  readonly value: unknown;
  readonly hasPrice: boolean;
} {
  const { model, pricedAs, provider, others, tier, at, listing, pricing } = explanation;
  const held = listing?.at(at);
  // What is sold by the hour has a list without a price that could be counted by.
  const card = held !== undefined && isEmpty(held) ? undefined : held;
  const hasPrice = card !== undefined && pricing?.kind !== "unpriced";
  const alias = pricedAs === model ? [] : [`"${model}" is an alias of "${pricedAs}".`];
  const value = {
    model,
    ...(provider === undefined ? {} : { provider }),
    ...(others.length === 0 ? {} : { otherProviders: others }),
    at: new Date(at).toISOString(),
    ...(pricedAs === model ? {} : { aliasOf: pricedAs }),
    ...(listing === undefined || card === undefined
      ? { unpriced: true }
      : { found: { ...found(listing), ...writeCard(card) } }),
    ...(pricing === undefined ? {} : { cost: writePricing(pricing) }),
  };
  if (listing === undefined || card === undefined) {
    const of = provider === undefined ? "" : ` of ${provider}`;
    return {
      lines: [
        ...alias,
        `There is no price for "${pricedAs}"${of}. It can have one under "prices" of weir.yaml.`,
        ...describeOthers(explanation),
      ],
      value,
      hasPrice,
    };
  }
  const lines = [
    ...alias,
    ...describeServer(explanation),
    ...describeListing(listing),
    ...describeOthers(explanation),
    ...(tier === undefined || card.free ? [] : [describeTier(listing, tier)]),
    ...describeCard(card),
    ...describePricing(pricing),
  ];
  return { lines, value, hasPrice };
}

/** What was asked for, before where its price was found: that may be a list of another name. */
function describeServer({ model, provider, isAssumed }: Explanation): readonly string[] {
  if (provider === undefined) return [];
  return [`"${model}" is priced as a call of ${provider}${isAssumed ? "; --provider says another" : ""}.`];
}

function describeOthers({ others }: Explanation): readonly string[] {
  if (others.length === 0) return [];
  const options = others.map((other) => `--provider ${other}`).join(", ");
  return [`There are other prices of your own for it: ${options}.`];
}

function isEmpty({ rates, fee, free }: RateCard): boolean {
  return !free && fee === undefined && Object.values(rates).every((rate) => rate === undefined);
}

function found({ provider, model, matched, source, version }: Listing) {
  return { ...(provider === undefined ? {} : { provider }), model, matched, source, version };
}

function describeListing({ provider, model, matched, source, version }: Listing): readonly string[] {
  const place = source === "config" ? `prices.models of weir.yaml (version ${version})` : `genai-prices ${version}`;
  const list = provider === undefined ? "" : ` of ${provider}`;
  const row = model === matched ? `"${matched}"` : `"${matched}" is "${model}"`;
  return [`Its price: ${row}${list}, in ${place}.`];
}

function describeCard({ rates, fee, free }: RateCard): readonly string[] {
  if (free) return ["It costs nothing."];
  const rows = [...usageBuckets.map((bucket) => [bucket, rates[bucket]] as const), ["per request", fee] as const];
  const table = rows.flatMap(([name, rate]) => {
    if (rate === undefined) return [];
    const tiers = rate.tiers.map(({ above, price }) => `${writeDecimal(price)} above ${formatCount(above)}`);
    return [[name, writeDecimal(rate.base), tiers.join(", ")]];
  });
  return ["", ...formatTable([["", "USD/million", ""], ...table], [1])];
}

function describePricing(pricing: Pricing | undefined): readonly string[] {
  switch (pricing?.kind) {
    case undefined:
      return [];
    case "free":
      return ["", "It costs nothing."];
    case "unpriced":
      return ["", "There is no price for all of that, so it is unpriced."];
    case "priced": {
      const lines = pricing.cost.lines.map(({ bucket, quantity, usd_per_million = "", nano_usd }) => [
        bucket,
        formatCount(quantity),
        usd_per_million,
        usdOfNano(BigInt(nano_usd)),
      ]);
      const total = ["total", "", "", usdOfNano(pricing.nanoUsd)];
      const table = formatTable([["", "count", "USD/million", "USD"], ...lines, total], [1, 2, 3]);
      return ["", ...table, ...describeInput(pricing.cost.lines)];
    }
  }
}

/** The lines are apart from each other, where some providers' counts hold one in another. */
function describeInput(lines: readonly CostLine[]): readonly string[] {
  const inputs = lines.filter(({ bucket }) => bucket.startsWith("input"));
  if (inputs.length < 2) return [];
  const sum = inputs.reduce((count, { quantity }) => count + quantity, 0);
  return ["", `Input in all: ${formatCount(sum)} LLM tokens. --input is what is left of them beside the other lines.`];
}

function writePricing(pricing: Pricing): unknown {
  if (pricing.kind !== "priced") return { kind: pricing.kind };
  return { kind: pricing.kind, costNanoUsd: String(pricing.nanoUsd), ...pricing.cost };
}

function usd(price: Decimal | undefined): string {
  return price === undefined ? "" : writeDecimal(price);
}

function usdOfNano(nanoUsd: bigint): string {
  return writeDecimal({ units: nanoUsd, scale: 9 });
}
