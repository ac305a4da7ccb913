import { isDeepStrictEqual } from "node:util";
import { multiply, readDecimal, type Decimal } from "../lib/decimal.ts";
import { modelNames } from "./model-names.ts";
import {
  findModel,
  type ListedModel,
  type ListedPrice,
  type ListedPrices,
  type PriceData,
  type PriceTime,
} from "./price-data.ts";
import type { Listing, Rate, RateCard } from "./rate-card.ts";

/** Finds a model in the price data: in its provider's own list, else by the model's name alone. */
export function findListedPrice(data: PriceData, provider: string | undefined, model: string): Listing | undefined {
  const names = modelNames(model);
  const own = provider === undefined ? undefined : listNameOf(provider);
  for (const { name } of names) {
    const found = own === undefined ? undefined : find(data, own, name);
    if (found !== undefined) return found;
  }
  for (const { name, provider: named } of names) {
    const found = find(data, named, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The name that the price data has for a provider. */
export function listNameOf(provider: string): string {
  return provider === "gemini" ? "google" : provider;
}

function find(data: PriceData, provider: string | undefined, name: string): Listing | undefined {
  const list = data.findProvider(provider === undefined ? { modelId: name } : { providerId: provider });
  const found = list === undefined ? undefined : findModel(data, list, name);
  return list === undefined || found === undefined ? undefined : toListing(data, list.id, found, name);
}

/** A model of the price data as a listing. */
export function toListing({ version }: PriceData, provider: string, model: ListedModel, matched: string): Listing {
  const periods = toPeriods(model.prices).map(({ constraint, prices }) => ({
    holds: toCondition(constraint),
    card: toCard(provider, model.id, prices),
  }));
  return {
    provider,
    model: model.id,
    matched,
    source: "genai-prices",
    version,
    // Later rows come first, as the data's own rule has it; before all of them the first row holds.
    at: (time) => (periods.findLast((period) => period.holds(time)) ?? periods[0])?.card,
  };
}

type Period = { readonly constraint?: PriceTime | undefined; readonly prices: ListedPrices };

function toPeriods(prices: ListedModel["prices"]): readonly Period[] {
  return isPeriods(prices) ? prices : [{ prices }];
}

function isPeriods(prices: ListedModel["prices"]): prices is readonly Period[] {
  return Array.isArray(prices);
}

const dayMs = 86_400_000;

function toCondition(constraint: PriceTime | undefined): (time: number) => boolean {
  if (constraint === undefined) return () => true;
  if ("start_date" in constraint) {
    const start = Date.parse(constraint.start_date);
    return (time) => time >= start;
  }
  const start = timeOfDay(constraint.start_time);
  const end = timeOfDay(constraint.end_time);
  return (time) => {
    const now = time % dayMs;
    return start <= end ? now >= start && now < end : now >= start || now < end;
  };
}

function timeOfDay(text: string): number {
  return (Date.parse(`1970-01-01T${text}`) + dayMs) % dayMs;
}

function toCard(provider: string, model: string, prices: ListedPrices): RateCard {
  if (Object.keys(prices).length === 0) return isFree(provider, model) ? { rates: {}, free: true } : { rates: {} };
  const input = toRate(prices["input_mtok"]);
  const output = toRate(prices["output_mtok"]);
  const write = toRate(prices["cache_write_mtok"]);
  const sound = hasAudioGap.test(model) ? {} : { input, output };
  const fee = toRate(prices["requests_kcount"], thousand);
  const rates = {
    input,
    input_cached: toRate(prices["cache_read_mtok"]) ?? input,
    input_cache_write_5m: toRate(prices["cache_write_5m_mtok"]) ?? write ?? input,
    // Where writes are billed apart, one for an hour is dearer than one for five minutes: never guess it from that.
    input_cache_write_1h: toRate(prices["cache_write_1h_mtok"]) ?? (write === undefined ? input : undefined),
    input_audio: toRate(prices["input_audio_mtok"]) ?? sound.input,
    input_image: toPictureRate(prices["input_image_mtok"], prices["input_video_mtok"], input),
    output,
    output_reasoning: toRate(prices["output_reasoning_mtok"]) ?? output,
    output_audio: toRate(prices["output_audio_mtok"]) ?? sound.output,
    output_image: toPictureRate(prices["output_image_mtok"], prices["output_video_mtok"], output),
    requests: toRate(prices["web_searches_kcount"], thousand),
  };
  return fee === undefined ? { rates } : { rates, fee };
}

/** One bucket holds pictures and moving ones: where they differ in price, it has none. */
function toPictureRate(still: ListedPrice | undefined, moving: ListedPrice | undefined, text: Rate | undefined) {
  if (still === undefined) return toRate(moving) ?? text;
  return moving === undefined || isDeepStrictEqual(still, moving) ? toRate(still) : undefined;
}

/** Models whose audio costs many times their text, which the data doesn't say. */
const hasAudioGap = /^gpt-4o(-mini)?-audio-preview/;

/** An entry without any price: those of the vendors are free of charge, elsewhere it may also mean that the price is not known. */
function isFree(provider: string, model: string): boolean {
  return provider === "openai" || provider === "google" || model.endsWith(":free");
}

const thousand: Decimal = { units: 1000n, scale: 0 };

function toRate(price: ListedPrices[string], factor?: Decimal): Rate | undefined {
  if (price === undefined) return undefined;
  const { base, tiers } = typeof price === "number" ? { base: price, tiers: [] } : price;
  const read = (value: number) => {
    const decimal = readDecimal(value);
    return decimal === undefined || factor === undefined ? decimal : multiply(decimal, factor);
  };
  const basePrice = read(base);
  if (basePrice === undefined) return undefined;
  const kept = tiers.flatMap(({ start, price: tierPrice }) => {
    const decimal = read(tierPrice);
    return decimal === undefined ? [] : [{ above: start, price: decimal }];
  });
  return { base: basePrice, tiers: kept.toSorted((a, b) => a.above - b.above) };
}
