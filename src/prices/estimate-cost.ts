import { nanoUsdOf } from "./nano-usd-of.ts";
import type { PriceBook } from "./price-book.ts";
import { priceOf, type Rate, type RateCard } from "./rate-card.ts";

/** Says what a call will cost before anybody has counted it. */
export type CostEstimator = {
  /** What so many LLM tokens of plain input and output cost at standard rates, in nano-dollars, to the last up to 2^53; `undefined` where there is no price. */
  readonly estimateNanoUsd: (provider: string, model: string, input: number, output: number) => number | undefined;
  /** Whether there is a price for a model's plain input. */
  readonly isPriced: (provider: string, model: string) => boolean;
};

/** Creates the estimator; what it has looked up once it only multiplies, so that it can be asked for every call. */
export function createCostEstimator({
  prices,
  now = Date.now,
}: {
  readonly prices: Pick<PriceBook, "find">;
  readonly now?: () => number;
}): CostEstimator {
  function findCard(provider: string, model: string): RateCard | undefined {
    const time = now();
    for (const listing of prices.find(provider, model)) {
      const card = listing.at(time);
      if (card !== undefined) return isPricedBy(card) ? card : undefined;
    }
    return undefined;
  }

  return {
    isPriced: (provider, model) => findCard(provider, model) !== undefined,
    estimateNanoUsd(provider, model, input, output) {
      const card = findCard(provider, model);
      if (card === undefined) return undefined;
      const { rates, fee } = card;
      // A model without an output rate answers with something that isn't counted: an embedding.
      return cost(rates.input, input, input) + cost(rates.output, output, input) + cost(fee, 1, input);
    },
  };
}

/** A model that isn't sold by the token (transcription by the hour) has no price that could be told beforehand. */
function isPricedBy({ rates, fee, free }: RateCard): boolean {
  return free === true || rates.input !== undefined || fee !== undefined;
}

function cost(rate: Rate | undefined, count: number, inputTokens: number): number {
  if (rate === undefined || count <= 0) return 0;
  return Number(nanoUsdOf(priceOf(rate, inputTokens), Math.round(count)));
}
