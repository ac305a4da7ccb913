import { type Usage, type UsageBucket, type UsageBuckets, sumUsage } from "../domain/usage.ts";
import { type JsonObject, count, object, text } from "./json.ts";

/** What stands beside a usage object and bears on it. */
export type UsageContext = {
  /** The answer's `service_tier`. */
  readonly tier?: unknown;
  /** Billed calls of server tools, where the answer shows them. */
  readonly requests?: number;
  /** What a tool that is a model of its own used, as the answer says it. */
  readonly toolUsage?: unknown;
  /** Where output belongs that isn't broken down; `output` if absent. */
  readonly output?: "output_image" | "output_audio";
};

/** xAI states a cost in ticks. https://docs.x.ai/developers/cost-tracking */
const ticksPerUsd = 1e10;

/**
 * Maps a usage object of the OpenAI family to buckets; `undefined` where it says nothing that can be counted.
 *
 * | a provider says | it counts | source |
 * |---|---|---|
 * | `prompt_tokens`, `input_tokens` | the whole prompt | https://platform.openai.com/docs/api-reference/chat/object |
 * | `cached_tokens` in its details | inside the prompt | https://platform.openai.com/docs/guides/prompt-caching |
 * | `cache_write_tokens` in its details | inside the prompt, at one rate for every retention | the same; https://openrouter.ai/docs/use-cases/usage-accounting |
 * | `prompt_cache_hit_tokens`, `cached_tokens` | inside the prompt | https://api-docs.deepseek.com/guides/kv_cache; Moonshot |
 * | `audio_tokens`, `image_tokens` in the details | inside prompt or completion | https://platform.openai.com/docs/api-reference/chat/object |
 * | `cached_tokens_details` | the cached part of each kind | https://platform.openai.com/docs/api-reference/realtime-server-events |
 * | `completion_tokens`, `output_tokens` | the whole completion | https://platform.openai.com/docs/api-reference/responses/object |
 * | `reasoning_tokens` in its details | inside the completion, but beside it where `total_tokens` is larger than prompt and completion | https://docs.x.ai/docs/guides/reasoning; Gemini |
 * | `cost`, `cost.total_cost`, `cost_in_usd_ticks` | what was charged, in USD | OpenRouter, Perplexity and xAI |
 */
export function readOpenaiUsage(raw: unknown, context: UsageContext = {}): Usage | undefined {
  const usage = object(raw);
  if (!usage) return undefined;
  const total = count(usage.total_tokens);
  const said = count(usage.prompt_tokens) ?? count(usage.input_tokens);
  const made = count(usage.completion_tokens) ?? count(usage.output_tokens);
  // Audio that is billed by its length has seconds instead.
  if ((total ?? said ?? made ?? count(usage.seconds)) === undefined) return undefined;

  const completion = made ?? 0;
  const prompt = said ?? Math.max(0, (total ?? completion) - completion);
  // What only the total holds was thought, not said.
  const beside = Math.max(0, (total ?? 0) - prompt - completion);
  const buckets = {
    ...divide(prompt, "input", promptShares(usage)),
    ...divide(completion + beside, context.output ?? "output", completionShares(usage, beside, context)),
    requests: context.requests ?? searches(usage),
  };
  const { toolUsage } = context;
  const other_models = usesTools(toolUsage);
  return sumUsage(buckets, {
    source: "provider",
    raw: other_models ? { ...usage, tool_usage: toolUsage } : raw,
    other_models,
    stated_cost_usd: statedCost(usage),
    tier: text(context.tier) ?? text(usage.service_tier),
  });
}

/** A part of a whole, and the bucket that it falls into. */
type Share = readonly [UsageBucket, number | undefined];

function promptShares(usage: JsonObject): readonly Share[] {
  const details =
    object(usage.prompt_tokens_details) ??
    object(usage.input_tokens_details) ??
    object(usage.input_token_details) ??
    object(usage.prompt_token_details);
  const cached = object(details?.cached_tokens_details);
  return [
    [
      "input_cached",
      count(details?.cached_tokens) ?? count(usage.prompt_cache_hit_tokens) ?? count(usage.cached_tokens),
    ],
    ["input_cache_write_5m", count(details?.cache_write_tokens)],
    ["input_audio", without(details?.audio_tokens, cached?.audio_tokens)],
    ["input_image", without(details?.image_tokens, cached?.image_tokens)],
  ];
}

function completionShares(usage: JsonObject, beside: number, { output }: UsageContext): readonly Share[] {
  const details =
    object(usage.completion_tokens_details) ??
    object(usage.output_tokens_details) ??
    object(usage.output_token_details);
  return [
    ["output_reasoning", Math.max(count(details?.reasoning_tokens) ?? 0, beside)],
    ["output_audio", count(details?.audio_tokens)],
    ["output_image", count(details?.image_tokens)],
    ["output", output && count(details?.text_tokens)],
  ];
}

/** Deals a whole out to its shares, in order and never more than there is; what is left is the rest's. */
function divide(whole: number, rest: UsageBucket, shares: readonly Share[]): UsageBuckets {
  const buckets: Partial<Record<UsageBucket, number>> = {};
  let left = whole;
  for (const [bucket, share = 0] of shares) {
    const taken = Math.min(share, left);
    if (taken > 0) buckets[bucket] = taken;
    left -= taken;
  }
  buckets[rest] = (buckets[rest] ?? 0) + left;
  return buckets;
}

function without(all: unknown, part: unknown): number | undefined {
  const whole = count(all);
  return whole === undefined ? undefined : Math.max(0, whole - (count(part) ?? 0));
}

/** Images that a tool makes within an answer are another model's work. https://platform.openai.com/docs/guides/tools-image-generation */
function usesTools(told: unknown): boolean {
  return Object.values(object(told) ?? {}).some((tool) => (count(object(tool)?.total_tokens) ?? 0) > 0);
}

/** Perplexity and OpenRouter count their web searches in the usage itself. */
function searches(usage: JsonObject): number | undefined {
  return count(usage.num_search_queries) ?? count(object(usage.server_tool_use)?.web_search_requests);
}

/** With a consumer's own key OpenRouter charges its fee alone, and says beside it what the provider charges. */
function statedCost(usage: JsonObject): number | undefined {
  if (usage.is_byok === true) {
    const upstream = count(object(usage.cost_details)?.upstream_inference_cost);
    return upstream === undefined ? undefined : upstream + (count(usage.cost) ?? 0);
  }
  const ticks = count(usage.cost_in_usd_ticks);
  return (
    count(usage.cost) ??
    count(object(usage.cost)?.total_cost) ??
    (ticks === undefined ? undefined : ticks / ticksPerUsd)
  );
}
