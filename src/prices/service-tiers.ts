import { multiply, one, type Decimal } from "../lib/decimal.ts";

/** What a service tier makes of a model's standard prices. */
type TierPrice = {
  /** A provider's name in the price list. */
  readonly provider: string;
  readonly tiers: readonly string[];
  /** Absent: every model. */
  readonly models?: RegExp;
  readonly factor: Decimal;
};

const half: Decimal = { units: 5n, scale: 1 };
const times1_1: Decimal = { units: 11n, scale: 1 };
const times1_7: Decimal = { units: 17n, scale: 1 };
const times1_75: Decimal = { units: 175n, scale: 2 };
const times1_8: Decimal = { units: 18n, scale: 1 };
const times2: Decimal = { units: 2n, scale: 0 };
const times2_5: Decimal = { units: 25n, scale: 1 };
const times6: Decimal = { units: 6n, scale: 0 };

/** Published factors, the first row that fits. OpenAI renamed `priority` to `fast` in July 2026 and answers with either. */
const tierPrices: readonly TierPrice[] = [
  // https://developers.openai.com/api/docs/pricing and https://openai.com/api-fast-mode/
  { provider: "openai", tiers: ["flex", "batch"], factor: half },
  { provider: "openai", tiers: ["priority", "fast"], models: /^gpt-5\.6|^gpt-5\.4(-mini)?$/, factor: times2 },
  { provider: "openai", tiers: ["priority", "fast"], models: /^gpt-5\.5$/, factor: times2_5 },
  { provider: "openai", tiers: ["priority", "fast"], models: /^gpt-5(\.[12])?$/, factor: times2 },
  { provider: "openai", tiers: ["priority", "fast"], models: /^gpt-5-mini$/, factor: times1_8 },
  { provider: "openai", tiers: ["priority", "fast"], models: /^gpt-4\.1(-mini)?$/, factor: times1_75 },
  { provider: "openai", tiers: ["priority", "fast"], models: /^gpt-4o$/, factor: times1_7 },
  // https://platform.claude.com/docs/en/about-claude/pricing and https://platform.claude.com/docs/en/build-with-claude/fast-mode
  { provider: "anthropic", tiers: ["batch"], factor: half },
  { provider: "anthropic", tiers: ["us"], factor: times1_1 },
  { provider: "anthropic", tiers: ["fast"], models: /^claude-opus-4-6$/, factor: times6 },
  { provider: "anthropic", tiers: ["fast"], models: /^claude-opus-5$/, factor: times2 },
  // https://ai.google.dev/gemini-api/docs/optimization and https://ai.google.dev/gemini-api/docs/pricing
  { provider: "google", tiers: ["flex", "batch"], factor: half },
  { provider: "google", tiers: ["priority"], models: /^gemini-3\.[78]-flash$/, factor: times1_8 },
];

/** Tiers that cost more than the standard one; where a model's factor is not published, there is no price for it. */
const dearTiers: readonly (readonly [provider: string, tier: string])[] = [
  ["openai", "priority"],
  ["openai", "fast"],
  ["anthropic", "fast"],
  ["google", "priority"],
  ["azure", "priority"],
];

const pricedTiers: ReadonlySet<string> = new Set([
  ...tierPrices.flatMap(({ tiers }) => tiers),
  ...dearTiers.map(([, tier]) => tier),
]);

/**
 * What the standard prices of a listed model are multiplied by; `undefined` where the tier is dearer and nobody has published by how much.
 * A tier may hold several conditions, joined by `+`; any that is not known here is the standard one.
 */
export function tierFactor(provider: string, model: string, tier: string | undefined): Decimal | undefined {
  let factor: Decimal | undefined = one;
  for (const name of tier?.toLowerCase().split("+", 8) ?? []) {
    if (!pricedTiers.has(name)) continue;
    const price = findTierPrice(provider, model, name);
    if (price === undefined) return undefined;
    factor = multiply(factor, price);
  }
  return factor;
}

function findTierPrice(provider: string, model: string, tier: string): Decimal | undefined {
  const price = tierPrices.find(
    (row) => row.provider === provider && row.tiers.includes(tier) && (row.models?.test(model) ?? true),
  );
  if (price !== undefined) return price.factor;
  return dearTiers.some(([dear, name]) => dear === provider && name === tier) ? undefined : one;
}
