import type { Exchange } from "../domain/exchange.ts";
import type { PriceBook } from "./price-book.ts";
import { type ExchangeCost, priceExchange } from "./price-exchange.ts";

/** Why an exchange keeps the cost that it has. */
export type LeftReason = "cache_hit" | "stated_by_provider" | "media_unknown";

/** What an exchange costs by these prices, or why that can't be told. */
export type Repriced =
  | { readonly kind: "priced"; readonly cost: ExchangeCost }
  | { readonly kind: "left"; readonly reason: LeftReason };

/** Finds what a model had put out; `undefined` where nobody kept whether there was anything. */
export type FindOutput = () => Promise<Pick<Exchange, "output"> | undefined>;

/** Prices an exchange anew that was recorded before, from the facts that are kept of it. */
export async function repriceExchange(
  prices: Pick<PriceBook, "price">,
  exchange: Exchange,
  findOutput: FindOutput,
): Promise<Repriced> {
  // What it saved can't be counted again: its usage is that of another exchange.
  if (exchange.cache === "hit") return { kind: "left", reason: "cache_hit" };
  if (exchange.cost?.source === "provider") return { kind: "left", reason: "stated_by_provider" };
  // What had a cost was text alone.
  const needsOutput = exchange.usage.source === "estimated" && exchange.cost_nano_usd === undefined;
  const found = needsOutput ? await findOutput() : {};
  const work = { ...exchange, output: found?.output, at: Date.parse(exchange.started_at) };
  const cost = priceExchange(prices, work);
  return found === undefined && cost.cost_nano_usd !== undefined
    ? { kind: "left", reason: "media_unknown" }
    : { kind: "priced", cost };
}
