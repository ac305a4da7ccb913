import type { Exchange } from "../domain/exchange.ts";
import type { Usage } from "../domain/usage.ts";
import type { PriceBook } from "./price-book.ts";

/** What of an exchange its cost depends on. */
export type Work = Pick<
  Exchange,
  "kind" | "provider" | "model" | "usage" | "output" | "outcome" | "status" | "error"
> & {
  /** When it was asked; milliseconds since the epoch. */
  readonly at: number;
};

/** What an exchange says of its cost. */
export type ExchangeCost = Pick<Exchange, "cost" | "cost_nano_usd" | "unpriced">;

/** Puts a price on an exchange. Only work of a model is paid for: who asks for an answer again is told the same usage again. */
export function priceExchange(prices: Pick<PriceBook, "price">, work: Work): ExchangeCost {
  const { kind, provider, model, usage, outcome, status, error, at } = work;
  if (kind === "other") return {};
  // What the provider states is all that it charges.
  if (usage.other_models && usage.stated_cost_usd === undefined) return { unpriced: true };
  const priced = prices.price({ provider, model, usage, at });
  switch (priced.kind) {
    case "priced":
      return isPartlyCounted(work) ? { unpriced: true } : { cost_nano_usd: String(priced.nanoUsd), cost: priced.cost };
    case "unpriced":
      return { unpriced: true };
    case "free":
      // Work that nobody counted (audio is billed by its length) has a price that nobody knows.
      return outcome === "answered" && !isError(status) && !error && !isCounted(usage) && !saysNoTokens(usage)
        ? { unpriced: true }
        : {};
  }
}

/** Text can be estimated; sounds and images that the provider hasn't counted can't. */
function isPartlyCounted({ usage, output }: Work): boolean {
  if (usage.source !== "estimated" || (usage.output_audio ?? usage.output_image) !== undefined) return false;
  return (
    output?.kind === "binary" ||
    (output?.kind === "choices" && output.choices.some(({ media = [] }) => media.length > 0))
  );
}

function isError(status = 200): boolean {
  return status >= 400;
}

/** Only who counts in LLM tokens can say that there were none: sound is billed by the second. */
function saysNoTokens({ source, raw }: Usage): boolean {
  return (
    source === "provider" &&
    typeof raw === "object" &&
    raw !== null &&
    Object.keys(raw).some((name) => /token/i.test(name))
  );
}

function isCounted({ total, requests = 0 }: Usage): boolean {
  return total + requests > 0;
}
