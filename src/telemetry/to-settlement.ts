import type { Exchange } from "../domain/exchange.ts";
import type { Settlement } from "../domain/settlement.ts";

/** What an exchange took that is awaited under a number: what was billed for it, or nothing where no model has worked. */
export function toSettlement(number: number, exchange: Exchange): Settlement {
  const { cost_nano_usd, unpriced } = exchange;
  return { number, tokens: readTokens(exchange), costNanoUsd: unpriced ? undefined : Number(cost_nano_usd ?? 0) };
}

/** Who asks for an answer again is told its usage again, and takes nothing. */
function readTokens({ kind, usage, unpriced }: Exchange): Settlement["tokens"] {
  if (kind === "other") return { input: 0, output: 0 };
  if (usage.source === "none" && unpriced) return undefined;
  const output =
    (usage.output ?? 0) + (usage.output_reasoning ?? 0) + (usage.output_audio ?? 0) + (usage.output_image ?? 0);
  return { input: usage.total - output, output };
}
