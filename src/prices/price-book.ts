import type { Cost, CostLine } from "../domain/exchange.ts";
import type { OwnPrices } from "../domain/own-prices.ts";
import { usageBuckets, type Usage, type UsageBucket } from "../domain/usage.ts";
import { multiply, one, readDecimal, roundHalfEven, writeDecimal, type Decimal } from "../lib/decimal.ts";
import { bundledPrices } from "./bundled-prices.ts";
import { findListedPrice } from "./listed-prices.ts";
import { nanoUsdOf } from "./nano-usd-of.ts";
import { createOwnPrices } from "./own-prices.ts";
import type { PriceData } from "./price-data.ts";
import { inputTokensOf, priceOf, type Listing, type Rate, type RateCard } from "./rate-card.ts";
import { tierFactor } from "./service-tiers.ts";

/** What an exchange used, of which model, when. */
export type PriceQuestion = {
  readonly provider?: string;
  readonly model?: string;
  readonly usage: Usage;
  /** When it was asked; milliseconds since the epoch. */
  readonly at: number | Date;
  /** The service tier that was billed, where the usage doesn't say it. */
  readonly tier?: string;
};

/** What it cost; `free` where nothing billable was counted or the model costs nothing, `unpriced` where there is no price for all of it. */
export type Pricing =
  | { readonly kind: "priced"; readonly cost: Cost; readonly nanoUsd: bigint }
  | { readonly kind: "unpriced" }
  | { readonly kind: "free" };

export type PriceBook = {
  readonly price: (question: PriceQuestion) => Pricing;
  /** Where a model has prices: the first that holds at a time counts. What was found is remembered. */
  readonly find: (provider: string | undefined, model: string) => readonly Listing[];
};

const unpriced: Pricing = { kind: "unpriced" };
const free: Pricing = { kind: "free" };

/** Longer names are no models; they are not looked up, so that nobody fills the cache with them. */
const maxNameLength = 200;

/** Creates what puts a price on usage: an operator's own prices first, then the price data; `cached` look-ups are remembered. */
export function createPriceBook({
  own = { models: {}, aliases: {} },
  data = bundledPrices,
  cached = 4096,
}: {
  readonly own?: OwnPrices;
  readonly data?: PriceData;
  readonly cached?: number;
} = {}): PriceBook {
  const ownPrices = createOwnPrices(own);
  const found = new Map<string | undefined, Map<string, readonly Listing[]>>();
  let count = 0;

  function find(provider: string | undefined, model: string): readonly Listing[] {
    if (model === "" || model.length > maxNameLength) return [];
    return found.get(provider)?.get(model) ?? search(provider, model);
  }

  function search(provider: string | undefined, model: string): readonly Listing[] {
    const name = ownPrices.nameOf(model);
    const listed = findListedPrice(data, provider, name);
    const listings = [...ownPrices.find(provider, name), ...(listed === undefined ? [] : [listed])];
    if (count >= cached) {
      found.clear();
      count = 0;
    }
    count += 1;
    const ofProvider = found.get(provider);
    if (ofProvider) ofProvider.set(model, listings);
    else found.set(provider, new Map([[model, listings]]));
    return listings;
  }

  return {
    find,
    price({ provider, model, usage, at, tier = usage.tier }) {
      const stated = priceStated(usage.stated_cost_usd);
      if (stated !== undefined) return stated;
      if (usage.source === "none") return free;
      const counted = usageBuckets.filter((bucket) => (usage[bucket] ?? 0) > 0);
      for (const listing of find(provider, model ?? "")) {
        const card = listing.at(typeof at === "number" ? at : at.getTime());
        if (card !== undefined) return priceBy(card, listing, { usage, counted, tier });
      }
      return counted.length === 0 ? free : unpriced;
    },
  };
}

type Counted = {
  readonly usage: Usage;
  readonly counted: readonly UsageBucket[];
  readonly tier: string | undefined;
};

function priceBy(card: RateCard, listing: Listing, { usage, counted, tier }: Counted): Pricing {
  if (card.free) return free;
  // A model that isn't sold by the token (transcription by the hour) has cost something that was not counted.
  if (counted.length === 0) return card.rates.input === undefined ? unpriced : free;
  const factor =
    listing.provider === undefined || listing.source === "config"
      ? one
      : tierFactor(listing.provider, listing.model, tier);
  if (factor === undefined) return unpriced;
  const inputTokens = inputTokensOf(usage);
  const lines: PricedLine[] = [];
  for (const bucket of counted) {
    const rate = card.rates[bucket];
    // Who charges a fee for every request has its searches in it.
    if (bucket === "requests" && rate === undefined && card.fee !== undefined) continue;
    if (rate === undefined) return unpriced;
    lines.push(toLine(bucket, usage[bucket] ?? 0, rate, inputTokens, bucket === "requests" ? one : factor));
  }
  if (card.fee !== undefined) lines.push(toLine("requests", 1, card.fee, inputTokens, one));
  return total(lines, listing);
}

type PricedLine = { readonly line: CostLine; readonly nanoUsd: number | bigint };

function toLine(bucket: UsageBucket, count: number, rate: Rate, inputTokens: number, factor: Decimal): PricedLine {
  const standard = priceOf(rate, inputTokens);
  const price = factor === one ? standard : multiply(standard, factor);
  const quantity = Math.round(count);
  const nanoUsd = nanoUsdOf(price, quantity);
  const line = { bucket, quantity, usd_per_million: writePrice(price), nano_usd: String(nanoUsd) };
  return { line, nanoUsd };
}

const written = new WeakMap<Decimal, string>();

/** Prices are few, and each is written for every call. */
function writePrice(price: Decimal): string {
  const known = written.get(price);
  if (known !== undefined) return known;
  const text = writeDecimal(price);
  written.set(price, text);
  return text;
}

function total(lines: readonly PricedLine[], { source, version, model }: Listing): Pricing {
  return {
    kind: "priced",
    cost: { lines: lines.map(({ line }) => line), source, version, model },
    nanoUsd: lines.reduce((sum, { nanoUsd }) => sum + BigInt(nanoUsd), 0n),
  };
}

function priceStated(usd: number | undefined): Pricing | undefined {
  const stated = usd === undefined ? undefined : readDecimal(usd);
  if (stated === undefined) return undefined;
  const nanoUsd = roundHalfEven({ units: stated.units * 1_000_000_000n, scale: stated.scale });
  const line: CostLine = { bucket: "stated", quantity: 1, nano_usd: String(nanoUsd) };
  return { kind: "priced", cost: { lines: [line], source: "provider" }, nanoUsd };
}
