import type { UsageBucket } from "../domain/usage.ts";
import { readDecimal, type Decimal } from "./decimal.ts";
import { modelNames } from "./model-names.ts";
import type { Listing, Rate, RateCard } from "./rate-card.ts";

/** USD for a million, as decimal text or a number. */
type Usd = string | number;

/** Prices by what is counted. */
type OwnRates = {
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
  /** Calls of server tools, per million. */
  readonly requests?: Usd;
};

/** What an operator says that a model costs. */
export type OwnPrice = OwnRates & {
  /** Only where this provider serves it. */
  readonly provider?: string;
  /** The day, in UTC, from which it holds: `2026-01-01`. */
  readonly from?: string;
  /** What changes above so many LLM tokens of input. */
  readonly tiers?: readonly (OwnRates & { readonly above: number })[];
};

/** Prices and names that an operator has set; a model's name may be a glob. */
export type OwnPrices = {
  readonly models?: Readonly<Record<string, OwnPrice>>;
  /** A name of the operator's own for a name that has a price. */
  readonly aliases?: Readonly<Record<string, string>>;
};

/** Reads an operator's prices once; throws where one is no price. */
export function createOwnPrices({ models = {} }: OwnPrices) {
  const rows = Object.entries(models).map(([name, price]) => ({
    matches: toGlob(name),
    provider: price.provider,
    listing: toListing(name, price),
  }));
  return (provider: string | undefined, model: string): Listing | undefined => {
    const names = [{ name: model }, ...modelNames(model)];
    return rows.find(
      (row) =>
        (row.provider === undefined || row.provider === provider) && names.some(({ name }) => row.matches.test(name)),
    )?.listing;
  };
}

function toListing(name: string, price: OwnPrice): Listing {
  const from = price.from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(price.from);
  if (Number.isNaN(from)) throw new RangeError(`prices.models.${name}.from must be a day like 2026-01-31`);
  const card = toCard(name, price);
  return { model: name, source: "config", at: (time) => (time >= from ? card : undefined) };
}

function toCard(name: string, price: OwnPrice): RateCard {
  const rate = (member: keyof OwnRates): Rate | undefined => {
    const base = price[member];
    if (base === undefined) return undefined;
    const tiers = (price.tiers ?? []).flatMap((tier) => {
      const tierPrice = tier[member];
      return tierPrice === undefined ? [] : [{ above: tier.above, price: toUsd(name, member, tierPrice) }];
    });
    return { base: toUsd(name, member, base), tiers: tiers.toSorted((a, b) => a.above - b.above) };
  };
  const input = rate("input");
  const output = rate("output");
  const write = rate("cache_write_5m") ?? input;
  const rates: Readonly<Record<UsageBucket, Rate | undefined>> = {
    input,
    input_cached: rate("cache_read") ?? input,
    input_cache_write_5m: write,
    input_cache_write_1h: rate("cache_write_1h") ?? write,
    input_audio: rate("input_audio") ?? input,
    input_image: rate("input_image") ?? input,
    output,
    output_reasoning: rate("reasoning") ?? output,
    output_audio: rate("output_audio") ?? output,
    output_image: rate("output_image") ?? output,
    requests: rate("requests"),
  };
  return { rates };
}

function toUsd(name: string, member: string, value: Usd): Decimal {
  const decimal = readDecimal(value);
  if (decimal !== undefined) return decimal;
  throw new RangeError(`prices.models.${name}.${member} must be USD per million, such as 0.95, not ${String(value)}`);
}

/** `*` stands for anything but `/`, `**` for anything. */
function toGlob(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*|\*)/)
    .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]*" : part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(`^${source.join("")}$`, "i");
}
