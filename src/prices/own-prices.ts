import { hash } from "node:crypto";
import type { OwnPrice, OwnPrices, OwnRates } from "../domain/own-prices.ts";
import type { UsageBucket } from "../domain/usage.ts";
import { readDecimal } from "../lib/decimal.ts";
import { compileGlobs } from "../lib/glob.ts";
import { modelNames } from "./model-names.ts";
import type { Listing, Rate, RateCard } from "./rate-card.ts";

/** An operator's own prices, and names for what has one. */
export type OwnPriceBook = {
  /** The name that a model is priced by: that of its alias, else its own. */
  readonly nameOf: (model: string) => string;
  /** Its rows, the one that comes first in front. */
  readonly find: (provider: string | undefined, model: string) => readonly Listing[];
  /** Every row, in that order. */
  readonly list: () => readonly Listing[];
};

type Row = { readonly matches: (name: string) => boolean; readonly listing: Listing };

/** Creates the look-up in an operator's prices, which were checked when the configuration was read. */
export function createOwnPrices({ models, aliases }: OwnPrices): OwnPriceBook {
  const rows: readonly Row[] = exactFirst(Object.entries(models)).flatMap(([name, prices]) =>
    inOrder(prices).map((price) => ({ matches: toMatcher(name), listing: toListing(name, price) })),
  );
  const names = exactFirst(Object.entries(aliases)).map(([alias, name]) => ({ matches: toMatcher(alias), name }));

  return {
    nameOf: (model) => names.find(({ matches }) => matches(model.toLowerCase()))?.name ?? model,
    find(provider, model) {
      const found = new Map<Row, Listing>();
      const held = rows.filter(({ listing: { provider: only } }) => only === undefined || only === provider);
      const [globs, exact] = split(held, ({ listing }) => isGlob(listing.model));
      const [tuned, plain] = split([model.toLowerCase(), ...modelNames(model).map(({ name }) => name)], isTuned);
      // A name before a glob: answers date what was asked for without a date. But `ft:*` comes before its models' base.
      for (const [kind, closest] of [
        [exact, tuned],
        [globs, tuned],
        [exact, plain],
        [globs, plain],
      ] as const)
        // The closest name first: a row for a dated model comes before the one without its date.
        for (const name of closest)
          for (const row of kind)
            if (!found.has(row) && row.matches(name)) found.set(row, { ...row.listing, matched: name });
      return [...found.values()];
    },
    list: () => rows.map(({ listing }) => listing),
  };
}

/** Those of which it is so, and the others. */
function split<T>(all: readonly T[], isSo: (one: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [all.filter(isSo), all.filter((one) => !isSo(one))];
}

/** Whether a name is that of a fine-tuned model, and not of its base. */
function isTuned(name: string): boolean {
  return /(?:^|\/)ft:/.test(name);
}

function isGlob(name: string): boolean {
  return name.includes("*");
}

function exactFirst<T>(entries: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
  return entries.toSorted(([a], [b]) => Number(isGlob(a)) - Number(isGlob(b)));
}

function toMatcher(pattern: string): (name: string) => boolean {
  return compileGlobs([pattern.toLowerCase()]).matches;
}

/** Of one name's rows those for a provider come first, and then the latest. */
function inOrder(prices: readonly OwnPrice[]): readonly OwnPrice[] {
  const rank = ({ provider }: OwnPrice) => (provider === undefined ? 1 : 0);
  return prices.toSorted((a, b) => rank(a) - rank(b) || (b.from ?? "").localeCompare(a.from ?? ""));
}

function toListing(name: string, price: OwnPrice): Listing {
  const { provider, from } = price;
  const card = toCard(price);
  const since = from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(from);
  const version = hash(
    "sha256",
    JSON.stringify([name, Object.entries(price).toSorted(([a], [b]) => a.localeCompare(b))]),
    "hex",
  ).slice(0, 8);
  return {
    ...(provider === undefined ? {} : { provider }),
    model: name,
    matched: name,
    source: "config",
    version: from === undefined ? version : `${from}+${version}`,
    at: (time) => (time >= since ? card : undefined),
  };
}

function toCard(price: OwnPrice): RateCard {
  const rate = (member: keyof OwnRates): Rate | undefined => {
    const base = toDecimal(price[member]);
    if (base === undefined) return undefined;
    const tiers = (price.tiers ?? []).flatMap((tier) => {
      const tierPrice = toDecimal(tier[member]);
      return tierPrice === undefined ? [] : [{ above: tier.above, price: tierPrice }];
    });
    return { base, tiers: tiers.toSorted((a, b) => a.above - b.above) };
  };
  const input = rate("input");
  const output = rate("output");
  const write = rate("cache_write_5m");
  const fee = rate("per_request");
  const rates: Readonly<Record<UsageBucket, Rate | undefined>> = {
    input,
    input_cached: rate("cache_read") ?? input,
    input_cache_write_5m: write ?? input,
    // Where writes are billed apart, one for an hour is dearer than one for five minutes: never guess it from that.
    input_cache_write_1h: rate("cache_write_1h") ?? (write === undefined ? input : undefined),
    input_audio: rate("input_audio") ?? input,
    input_image: rate("input_image") ?? input,
    output,
    output_reasoning: rate("reasoning") ?? output,
    output_audio: rate("output_audio") ?? output,
    output_image: rate("output_image") ?? output,
    requests: rate("requests"),
  };
  return fee === undefined ? { rates } : { rates, fee };
}

function toDecimal(usd: string | undefined) {
  return usd === undefined ? undefined : readDecimal(usd);
}
