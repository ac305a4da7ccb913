import { z } from "zod";

/** How a name is recognised. */
export type NameMatch =
  | { readonly or: readonly NameMatch[] }
  | { readonly and: readonly NameMatch[] }
  | { readonly equals: string }
  | { readonly starts_with: string }
  | { readonly ends_with: string }
  | { readonly contains: string }
  | { readonly regex: string };

/** A price, and what it becomes above so many LLM tokens of input. */
export type ListedPrice = number | { readonly base: number; readonly tiers: readonly ListedTier[] };

type ListedTier = { readonly start: number; readonly price: number };

/** Prices by key, whose ending says for how many: `_mtok` a million LLM tokens, `_kcount` a thousand times. */
export type ListedPrices = Readonly<Record<string, ListedPrice | undefined>>;

/** When prices hold: from a day on, or for some hours of every day, in UTC. */
export type PriceTime = { readonly start_date: string } | { readonly start_time: string; readonly end_time: string };

export type ListedModel = {
  readonly id: string;
  readonly match: NameMatch;
  readonly prices:
    | ListedPrices
    | readonly { readonly constraint?: PriceTime | undefined; readonly prices: ListedPrices }[];
};

/** A provider as the price data has it. */
export type PriceProvider = {
  readonly id: string;
  readonly provider_match?: NameMatch | undefined;
  readonly model_match?: NameMatch | undefined;
  /** Whose models it has too, at the same prices. */
  readonly fallback_model_providers?: readonly string[] | undefined;
  readonly models: readonly ListedModel[];
};

/** One state of the price data of genai-prices (https://github.com/pydantic/genai-prices). */
export type PriceData = {
  readonly version: string;
  /** The provider of that name, or else, without a name, the one that a model's name belongs to. */
  readonly findProvider: (by: { readonly providerId?: string; readonly modelId?: string }) => PriceProvider | undefined;
  readonly list: () => Promise<readonly PriceProvider[]>;
};

/** Price data that is nothing but a list of providers. */
export function createPriceData(version: string, providers: readonly PriceProvider[]): PriceData {
  return {
    version,
    findProvider({ providerId, modelId }) {
      if (providerId !== undefined) {
        const name = providerId.toLowerCase().trim();
        return (
          providers.find(({ id }) => id === name) ??
          providers.find(({ provider_match }) => provider_match !== undefined && isMatch(provider_match, name))
        );
      }
      if (modelId === undefined) return undefined;
      return providers.find(({ model_match }) => model_match !== undefined && isMatch(model_match, modelId));
    },
    list: () => Promise.resolve(providers),
  };
}

/** Finds a model in a provider's own list or in those that it has too, as it is named and with its date as `2026-01-31`. */
export function findModel(data: PriceData, provider: PriceProvider, name: string): ListedModel | undefined {
  const dated = name.replace(/-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g, "-$1-$2-$3");
  for (const each of dated === name ? [name] : [name, dated]) {
    const others = (provider.fallback_model_providers ?? []).flatMap(
      (providerId) => data.findProvider({ providerId }) ?? [],
    );
    for (const { models } of [provider, ...others]) {
      const found = models.find(({ match }) => isMatch(match, each));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function isMatch(match: NameMatch, name: string): boolean {
  if ("or" in match) return match.or.some((each) => isMatch(each, name));
  if ("and" in match) return match.and.every((each) => isMatch(each, name));
  if ("regex" in match) return new RegExp(match.regex).test(name);
  const text = name.toLowerCase();
  if ("equals" in match) return text === match.equals.toLowerCase();
  if ("starts_with" in match) return text.startsWith(match.starts_with.toLowerCase());
  if ("ends_with" in match) return text.endsWith(match.ends_with.toLowerCase());
  return text.includes(match.contains.toLowerCase());
}

const word = z.string().min(1).max(500);
const nameMatch: z.ZodType<NameMatch> = z.lazy(() =>
  z.union([
    z.strictObject({ or: z.array(nameMatch) }),
    z.strictObject({ and: z.array(nameMatch) }),
    z.strictObject({ equals: word }),
    z.strictObject({ starts_with: word }),
    z.strictObject({ ends_with: word }),
    z.strictObject({ contains: word }),
    z.strictObject({ regex: word.refine(isPattern, "must be a regular expression") }),
  ]),
);
const amount = z.number().nonnegative();
const price = z.union([
  amount,
  z.object({ base: amount, tiers: z.array(z.object({ start: z.int().nonnegative(), price: amount })) }),
]);
const prices = z.record(z.string(), price);
const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/);
const ofKind = <const K extends string>(kind: K) => z.literal(kind).optional();
const time = z.union([
  z
    .strictObject({ type: ofKind("start_date"), start_date: z.iso.date() })
    .transform(({ start_date }) => ({ start_date })),
  z
    .strictObject({ type: ofKind("time_of_date"), start_time: timeOfDay, end_time: timeOfDay })
    .transform(({ start_time, end_time }) => ({ start_time, end_time })),
]);
const model = z.object({
  id: word,
  match: nameMatch,
  prices: z.union([z.array(z.object({ constraint: time.optional(), prices })).nonempty(), prices]),
});
const provider = z.object({
  id: word,
  provider_match: nameMatch.optional(),
  model_match: nameMatch.optional(),
  fallback_model_providers: z.array(word).optional(),
  models: z.array(model),
});

const providers: z.ZodType<readonly PriceProvider[]> = z
  .array(provider)
  .refine((list) => list.some(({ models }) => models.length > 0), "must have a model with a price");

/** What pricing needs of price data as it is published, without the rest; throws where it is none. */
export function readPriceProviders(published: unknown): readonly PriceProvider[] {
  const result = providers.safeParse(published);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new TypeError(
    `the price data must be a list of providers with their models, as genai-prices publishes it; ${["", ...(issue?.path ?? [])].join("/")}: ${issue?.message}`,
  );
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text).source !== "";
  } catch {
    return false;
  }
}
