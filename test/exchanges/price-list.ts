/** The counts that have sums, by the names that the exchange log has for them. */
export const buckets = [
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
] as const;

/** One of them. */
export type Bucket = (typeof buckets)[number];

/** LLM tokens by bucket; what is absent is 0. */
export type Counts = Readonly<Partial<Record<Bucket, number>>>;

/** The APIs that the provider speaks, which are the providers' names too. */
export type Api = "openai" | "anthropic" | "gemini";

type Rates = Readonly<Record<string, string>>;

type Priced = {
  readonly api: Api;
  /** As `weir.yaml` has them: USD for a million. */
  readonly rates: Rates;
  readonly tier?: { readonly above: number; readonly rates: Rates };
};

/** Models and what they cost; many of the rates are no whole nano-dollars for a token, so that each line is rounded. */
const models: Readonly<Record<string, Priced>> = {
  "house-chat": { api: "openai", rates: { input: "2.5", cache_read: "1.25", output: "10", reasoning: "12" } },
  "house-chat-odd": {
    api: "openai",
    rates: { input: "0.0375", cache_read: "0.0005", output: "0.3005", reasoning: "1.2345", per_request: "41.0005" },
  },
  "house-claude": {
    api: "anthropic",
    rates: { input: "3", cache_read: "0.3", cache_write_5m: "3.75", cache_write_1h: "6", output: "15" },
  },
  "house-claude-odd": {
    api: "anthropic",
    rates: {
      input: "0.8125",
      cache_read: "0.08125",
      cache_write_5m: "1.015625",
      cache_write_1h: "1.6255",
      output: "4.0625",
    },
  },
  "house-gem": {
    api: "gemini",
    rates: { input: "1.25", cache_read: "0.3125", input_audio: "1.0005", output: "10", reasoning: "9.5" },
    tier: { above: 3000, rates: { input: "2.5", cache_read: "0.625", output: "15" } },
  },
  "house-gem-odd": { api: "gemini", rates: { input: "0.0755", cache_read: "0.0075", output: "0.3015" } },
};

/** Their names. */
export const modelNames: readonly string[] = Object.keys(models);

/** The part of `weir.yaml` that has the prices. */
export const pricesYaml = `prices:\n  models: ${JSON.stringify(
  Object.fromEntries(Object.entries(models).map(([name, price]) => [name, toYaml(price)])),
)}\n`;

function toYaml({ api, rates, tier }: Priced): object {
  return { provider: api, ...rates, ...(tier === undefined ? {} : { tiers: [{ above: tier.above, ...tier.rates }] }) };
}

/** The API of a model. */
export function apiOf(model: string): Api {
  return find(model).api;
}

/** The rate of a bucket, and which counts where it isn't stated. */
const rateNames: Readonly<Record<Bucket, readonly string[]>> = {
  input: ["input"],
  input_cached: ["cache_read", "input"],
  input_cache_write_5m: ["cache_write_5m", "input"],
  input_cache_write_1h: ["cache_write_1h"],
  input_audio: ["input_audio", "input"],
  input_image: ["input_image", "input"],
  output: ["output"],
  output_reasoning: ["reasoning", "output"],
  output_audio: ["output_audio", "output"],
  output_image: ["output_image", "output"],
};

/** What an answered call costs by the list: each line rounded half to even, then added up. Nano-dollars. */
export function costOf(model: string, counts: Counts): bigint {
  const { rates, tier } = find(model);
  const input = buckets
    .filter((bucket) => bucket.startsWith("input"))
    .reduce((sum, bucket) => sum + (counts[bucket] ?? 0), 0);
  const rateOf = (bucket: Bucket) => {
    const name = rateNames[bucket].find((each) => rates[each] !== undefined) ?? "";
    return (tier !== undefined && input > tier.above ? tier.rates[name] : undefined) ?? rates[name] ?? "";
  };
  const lines = buckets
    .filter((bucket) => (counts[bucket] ?? 0) > 0)
    .map((bucket) => multiply(rateOf(bucket), counts[bucket] ?? 0));
  const fee = lines.length > 0 && rates["per_request"] !== undefined ? [multiply(rates["per_request"], 1)] : [];
  return [...lines, ...fee].reduce((sum, line) => sum + line, 0n);
}

/** USD for a million times a count: a thousand nano-dollars for each USD. */
function multiply(rate: string, count: number): bigint {
  const [whole = "", decimals = ""] = rate.split(".");
  const product = BigInt(whole + decimals) * BigInt(count) * 1000n;
  const divisor = 10n ** BigInt(decimals.length);
  const [quotient, twice] = [product / divisor, (product % divisor) * 2n];
  const isUp = twice > divisor || (twice === divisor && quotient % 2n === 1n);
  return isUp ? quotient + 1n : quotient;
}

function find(model: string): Priced {
  const price = models[model];
  if (price === undefined) throw new Error(`${model} has no price`);
  return price;
}
