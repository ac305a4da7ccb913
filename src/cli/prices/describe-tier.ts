import { writeDecimal } from "../../lib/decimal.ts";
import type { Listing } from "../../prices/rate-card.ts";
import { tierFactor } from "../../prices/service-tiers.ts";

/** Says what a service tier makes of a model's prices. */
export function describeTier({ source, provider, model }: Listing, tier: string): string {
  if (source === "config" || provider === undefined)
    return `Prices of your own hold for every service tier, so "${tier}" changes nothing.`;
  const factor = tierFactor(provider, model, tier);
  if (factor === undefined) return `Nobody has published what the tier "${tier}" costs, so it is unpriced.`;
  if (writeDecimal(factor) === "1") return `The tier "${tier}" changes nothing here: it is priced as the standard one.`;
  return `The tier "${tier}" costs ${writeDecimal(factor)} times as much.`;
}
