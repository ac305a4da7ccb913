import type { OwnPrices } from "../../domain/own-prices.ts";
import { findListedPrice } from "../../prices/listed-prices.ts";
import { createOwnPrices } from "../../prices/own-prices.ts";
import type { PriceBook } from "../../prices/price-book.ts";
import type { PriceData } from "../../prices/price-data.ts";
import type { Listing } from "../../prices/rate-card.ts";

/** What a model's provider is looked for in. */
export type ServerSources = {
  readonly own: OwnPrices;
  readonly data: PriceData;
  readonly book: PriceBook;
  /** The names of the gateway's own providers. */
  readonly providers: readonly string[];
};

/** Whose call of a model is meant where nobody says it, and who else has a price of their own for it. */
export type Server = { readonly provider?: string; readonly others: readonly string[] };

/** Finds the provider that a model belongs to by its name, else the only one that has a price of its own for it. */
export function findServer(
  { own, data, book, providers }: ServerSources,
  { model, at, asked }: { readonly model: string; readonly at: number; readonly asked: string | undefined },
): Server {
  const ownPrices = createOwnPrices(own);
  const named = new Set(ownPrices.list().flatMap(({ provider }) => provider ?? []));
  const apart = [...named].toSorted().filter((each) => {
    const price = priceOf(each);
    return price?.source === "config" && price.provider === each;
  });
  const provider = asked ?? guess();
  const others = apart.filter((each) => each !== provider);
  return provider === undefined ? { others } : { provider, others };

  function guess(): string | undefined {
    const home = nameHere(findListedPrice(data, undefined, ownPrices.nameOf(model))?.provider);
    if (home !== undefined && providers.includes(home)) return home;
    return priceOf(undefined) === undefined && apart.length === 1 ? apart[0] : undefined;
  }

  function priceOf(by: string | undefined): Listing | undefined {
    return book.find(by, model).find((listing) => listing.at(at) !== undefined);
  }
}

/** The gateway's name for a provider of the price data. */
function nameHere(listed: string | undefined): string | undefined {
  return listed === "google" ? "gemini" : listed;
}
