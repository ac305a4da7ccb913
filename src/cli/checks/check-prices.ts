import type { Config } from "../../config/config.ts";
import { openPriceData } from "../../prices/open-price-book.ts";
import { createPriceBook } from "../../prices/price-book.ts";
import { codeOf, type Finding } from "./check.ts";

/** Whether the price data can be read, and whether what aliases name has a price now. */
export async function checkPrices({
  prices,
  gateway,
}: Pick<Config, "prices" | "gateway">): Promise<readonly Finding[]> {
  const name = "prices";
  const faults: Finding[] = [];
  const data = await openPriceData({
    file: prices.file,
    onFault: (error) =>
      faults.push({
        name,
        state: "warn",
        message: `${prices.file} can't be used (${codeOf(error)}); the bundled data is used`,
        advice: "Fetch it again: weir prices update.",
      }),
  });
  const book = createPriceBook({ own: prices.own, data });
  const now = Date.now();
  const hasPrice = (model: string) =>
    [undefined, ...gateway.providers.map((provider) => provider.name)].some((provider) =>
      book.find(provider, model).some((listing) => listing.at(now) !== undefined),
    );
  const aliases = Object.entries(prices.own.aliases);
  for (const [alias, model] of aliases)
    if (!hasPrice(model))
      faults.push({
        name,
        state: "warn",
        message: `"${alias}" is priced as "${model}", which has no price: what such calls cost isn't known`,
        advice: `Correct prices.aliases, or set a price in prices.models; weir prices list --model "${model.slice(0, 4)}*" shows what has one.`,
      });
  if (faults.length > 0) return faults;
  const own = Object.keys(prices.own.models).length;
  return [
    { name, state: "ok", message: `data of ${data.version}; ${own} models and ${aliases.length} aliases of your own` },
  ];
}
