import type * as genaiPrices from "@pydantic/genai-prices";
import type { PriceData } from "./price-data.ts";

/** The price data that this program carries: that of a release of `@pydantic/genai-prices`. */
export const bundledPrices: PriceData = {
  version: "0.1.8",
  findProvider: (by) => load().findProvider(by),
  list: async () => (await load().waitForUpdate()) ?? [],
};

/** Where the project publishes its newest price data. */
export function findPublishedPrices(): string {
  return load().REMOTE_DATA_JSON_URL;
}

/** The data is megabytes, which a gateway that has nothing to price yet doesn't hold. */
function load(): typeof genaiPrices {
  // Only `require` loads in the middle of a synchronous function; it does so once.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/no-require-imports
  return require("@pydantic/genai-prices") as typeof genaiPrices;
}
