import type { Exchange } from "../domain/exchange.ts";
import type { Settlement } from "../domain/settlement.ts";

/** What an exchange took that is awaited under a number: what was billed for it, or nothing where no model has worked. */
export function toSettlement(number: number, { kind, usage, cost_nano_usd, unpriced }: Exchange): Settlement {
  const known = usage.source !== "none" || kind === "other" || unpriced === undefined;
  const output =
    (usage.output ?? 0) + (usage.output_reasoning ?? 0) + (usage.output_audio ?? 0) + (usage.output_image ?? 0);
  return {
    number,
    tokens: known ? { input: usage.total - output, output } : undefined,
    costNanoUsd: unpriced ? undefined : Number(cost_nano_usd ?? 0),
  };
}
