import { openAnswer } from "../dialects/answer-reader.ts";
import type { PriceBook } from "../prices/price-book.ts";
import type { Call } from "./call.ts";
import type { Answer } from "./forward.ts";

/** Tells a consumer in headers what an answer used and cost. */
export type UsageHeaders = (call: Call, answer: Answer, bytes: Uint8Array) => Readonly<Record<string, string>>;

/** Creates the reader of whole JSON answers; it parses on the request thread, so it is only for those who asked for it. */
export function createUsageHeaders(prices: PriceBook): UsageHeaders {
  return ({ route, method, startedAt }, { headers }, bytes) => {
    const contentEncoding = headers.get("content-encoding");
    const about = { contentType: "application/json", ...(contentEncoding === null ? {} : { contentEncoding }) };
    const reader = openAnswer(route.dialect, { method, path: route.path }, about);
    reader.push(bytes);
    const { usage, model, responseId } = reader.end();
    if (usage?.source !== "provider") return {};
    const input = sum(
      usage.input,
      usage.input_cached,
      usage.input_cache_write_5m,
      usage.input_cache_write_1h,
      usage.input_audio,
      usage.input_image,
    );
    const priced = prices.price({
      provider: route.provider.name,
      usage,
      at: startedAt,
      ...(model === undefined ? {} : { model }),
    });
    return {
      "x-llm-input-tokens": String(input),
      "x-llm-output-tokens": String(usage.total - input),
      "x-llm-total-tokens": String(usage.total),
      "x-llm-provider": route.provider.name,
      ...(model === undefined ? {} : { "x-llm-model": model }),
      ...(responseId === undefined ? {} : { "x-llm-request-id": responseId }),
      ...(usage.input_cached === undefined ? {} : { "x-llm-cache-read-tokens": String(usage.input_cached) }),
      ...(usage.output_reasoning === undefined ? {} : { "x-llm-thought-tokens": String(usage.output_reasoning) }),
      ...(priced.kind === "priced" ? { "x-llm-cost-usd": writeUsd(priced.nanoUsd) } : {}),
    };
  };
}

function sum(...counts: readonly (number | undefined)[]): number {
  return counts.reduce<number>((total, count) => total + (count ?? 0), 0);
}

/** Nano-dollars as dollars, exactly. */
function writeUsd(nanoUsd: bigint): string {
  const text = nanoUsd.toString().padStart(10, "0");
  return `${text.slice(0, -9)}.${text.slice(-9)}`.replace(/\.?0+$/, "");
}
