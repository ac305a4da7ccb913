import { findNearest } from "../../config/nearest.ts";

/** What is wrong with a provider's name, where neither the gateway nor the price data knows it. */
export function checkProvider(
  name: string,
  { here, listed }: { readonly here: readonly string[]; readonly listed: readonly string[] },
): string | undefined {
  const known = [...here, ...listed];
  if (known.includes(name)) return undefined;
  const nearest = findNearest(name, known);
  const advice =
    nearest === undefined
      ? `there are ${here.join(", ")}, and those of the price data, which weir prices list shows`
      : `did you mean ${nearest}?`;
  return `There is no provider "${name}"; ${advice}`;
}
