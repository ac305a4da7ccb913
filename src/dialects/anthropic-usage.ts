import { sumUsage, type Usage } from "../domain/usage.ts";
import { type JsonObject, count, object, objects, text } from "./json.ts";

/**
 * Reads Anthropic's usage object, where input, cache reads and cache writes are counted apart and thinking is part of the output
 * (https://platform.claude.com/docs/en/api/messages). What a compaction used stands only among its iterations, and is added; an
 * advisor's is another model's.
 */
export function readAnthropicUsage(raw: unknown): Usage | undefined {
  const usage = object(raw);
  if (usage === undefined) return undefined;
  const iterations = objects(usage.iterations);
  const compactions = iterations.filter(({ type }) => type === "compaction");
  const parts = [usage, ...compactions].map(readCounts);
  const sum = (read: (part: Counts) => number) => parts.reduce((total, part) => total + read(part), 0);
  const tier = readTier(usage);
  return sumUsage(
    {
      input: sum((part) => part.input),
      input_cached: sum((part) => part.cached),
      input_cache_write_5m: sum((part) => part.write5m),
      input_cache_write_1h: sum((part) => part.write1h),
      output: sum((part) => part.output - part.thinking),
      output_reasoning: sum((part) => part.thinking),
      requests: count(object(usage.server_tool_use)?.web_search_requests) ?? 0,
    },
    {
      source: "provider",
      raw,
      other_models: iterations.some(({ type }) => type === "advisor_message"),
      ...(tier === undefined ? {} : { tier }),
    },
  );
}

type Counts = {
  readonly input: number;
  readonly cached: number;
  readonly write5m: number;
  readonly write1h: number;
  readonly output: number;
  readonly thinking: number;
};

function readCounts(usage: JsonObject): Counts {
  const creation = object(usage.cache_creation);
  const said1h = count(creation?.ephemeral_1h_input_tokens) ?? 0;
  const said5m = count(creation?.ephemeral_5m_input_tokens) ?? 0;
  // Older answers give only the sum of both, and so do later counts of a stream: what these add is of the kind that was named.
  const more = Math.max(0, (count(usage.cache_creation_input_tokens) ?? 0) - said1h - said5m);
  const isAll1h = said1h > 0 && said5m === 0;
  const output = count(usage.output_tokens) ?? 0;
  return {
    input: count(usage.input_tokens) ?? 0,
    cached: count(usage.cache_read_input_tokens) ?? 0,
    write5m: isAll1h ? 0 : said5m + more,
    write1h: isAll1h ? said1h + more : said1h,
    output,
    thinking: Math.min(output, count(object(usage.output_tokens_details)?.thinking_tokens) ?? 0),
  };
}

/** What changes the price: the tier, fast mode and inference in the US only, joined by `+`. */
function readTier(usage: JsonObject): string | undefined {
  const tier = text(usage.service_tier);
  const named = [
    tier === "standard" ? undefined : tier,
    usage.speed === "fast" ? "fast" : undefined,
    usage.inference_geo === "us" ? "us" : undefined,
  ].filter((name) => name !== undefined);
  return named.length === 0 ? undefined : named.join("+");
}
