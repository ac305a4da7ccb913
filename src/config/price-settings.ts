import { z } from "zod";
import { oneOf, withDefault } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** What usage costs beside what the price data says, and what is done where nobody knows; `read-prices.ts` looks into the maps. */
export const priceSettings = {
  models: {
    yaml: "prices.models",
    schema: z.unknown(),
    help: "Prices of your own, in USD per million, by the model's name: `kimi-k2.6: { provider: kimi, input: 0.95, output: 4, cache_read: 0.16 }`. A name may be a glob; a list of rows has prices that change from a day on. They come before the price data. [More](prices.md).",
  },
  aliases: {
    yaml: "prices.aliases",
    schema: z.unknown(),
    help: "Names of your own for models that have a price: `{ my-gpt: gpt-4o }`. A name may be a glob.",
  },
  unpriced: {
    env: "UNPRICED",
    yaml: "prices.unpriced",
    ...withDefault(oneOf(["allow", "refuse"]), "allow"),
    help: "Whether a model may be called that has no price; `refuse` answers such a call with 402.",
  },
} satisfies Settings;
