import type * as genaiPrices from "@pydantic/genai-prices";
import type { ConditionalPrice, ModelInfo, ModelPrice } from "@pydantic/genai-prices";
import { multiply, readDecimal, type Decimal } from "./decimal.ts";
import { modelNames } from "./model-names.ts";
import type { Listing, Rate, RateCard } from "./rate-card.ts";

/** The release of `@pydantic/genai-prices` whose data this program carries. */
export const listedPricesVersion = "0.1.8";

/** Finds a model in the bundled price data: in its provider's own list, else by the model's name alone. */
export function findListedPrice(provider: string | undefined, model: string): Listing | undefined {
  const names = modelNames(model);
  // The one built-in provider that the price data knows by another name.
  const own = provider === "gemini" ? "google" : provider;
  for (const { name } of names) {
    const found = own === undefined ? undefined : find(own, name);
    if (found !== undefined) return found;
  }
  for (const { name, provider: named } of names) {
    const found = find(named, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The data is megabytes, which a gateway that has nothing to price yet doesn't hold. */
function load(): typeof genaiPrices {
  // Only `require` loads in the middle of a synchronous function; it does so once.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/no-require-imports
  return require("@pydantic/genai-prices") as typeof genaiPrices;
}

function find(provider: string | undefined, name: string): Listing | undefined {
  try {
    const found = load().calcPrice({}, name, provider === undefined ? {} : { providerId: provider });
    return found === null ? undefined : toListing(found.provider.id, found.model);
  } catch {
    // The library throws where its own data contradicts itself; such a model has no price.
    return undefined;
  }
}

function toListing(provider: string, model: ModelInfo): Listing {
  const periods = toPeriods(model.prices).map(({ constraint, prices }) => ({
    holds: toCondition(constraint),
    card: toCard(provider, model.id, prices),
  }));
  return {
    provider,
    model: model.id,
    source: "genai-prices",
    version: listedPricesVersion,
    // Later rows come first, as the data's own rule has it; before all of them the first row holds.
    at: (time) => (periods.findLast((period) => period.holds(time)) ?? periods[0])?.card,
  };
}

function toPeriods(prices: ModelInfo["prices"]): readonly ConditionalPrice[] {
  return Array.isArray(prices) ? prices : [{ prices }];
}

const dayMs = 86_400_000;

function toCondition(constraint: ConditionalPrice["constraint"]): (time: number) => boolean {
  if (constraint === undefined) return () => true;
  if (constraint.type === "start_date") {
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

function toCard(provider: string, model: string, prices: ModelPrice): RateCard {
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
    input_image: toRate(prices["input_image_mtok"]) ?? input,
    output,
    output_reasoning: toRate(prices["output_reasoning_mtok"]) ?? output,
    output_audio: toRate(prices["output_audio_mtok"]) ?? sound.output,
    output_image: toRate(prices["output_image_mtok"]) ?? output,
    requests: toRate(prices["web_searches_kcount"], thousand),
  };
  return fee === undefined ? { rates } : { rates, fee };
}

/** Models whose audio costs many times their text, which the data doesn't say. */
const hasAudioGap = /^gpt-4o(-mini)?-audio-preview/;

/** An entry without any price: those of the vendors are free of charge, elsewhere it may also mean that the price is not known. */
function isFree(provider: string, model: string): boolean {
  return provider === "openai" || provider === "google" || model.endsWith(":free");
}

const thousand: Decimal = { units: 1000n, scale: 0 };

function toRate(price: ModelPrice[string], factor?: Decimal): Rate | undefined {
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
