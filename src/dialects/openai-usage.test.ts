import { expect, test } from "bun:test";
import fc from "fast-check";
import { usageBuckets } from "../domain/usage.ts";
import { readOpenaiUsage } from "./openai-usage.ts";

function buckets(raw: unknown, context?: Parameters<typeof readOpenaiUsage>[1]) {
  const usage = readOpenaiUsage(raw, context);
  if (!usage) return undefined;
  const { raw: _, source, ...rest } = usage;
  expect(source).toBe("provider");
  return rest;
}

test("cached, written, audio and image tokens are inside of the prompt, reasoning and audio inside of the completion", () => {
  const raw = {
    prompt_tokens: 100,
    completion_tokens: 50,
    total_tokens: 150,
    prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 20, audio_tokens: 10, image_tokens: 5 },
    completion_tokens_details: { reasoning_tokens: 25, audio_tokens: 15, accepted_prediction_tokens: 3 },
  };
  expect(readOpenaiUsage(raw)).toEqual({
    input: 35,
    input_cached: 30,
    input_cache_write_5m: 20,
    input_audio: 10,
    input_image: 5,
    output: 10,
    output_reasoning: 25,
    output_audio: 15,
    total: 150,
    source: "provider",
    raw,
  });
});

test("the names of the Responses API mean the same", () => {
  const raw = {
    input_tokens: 20,
    input_tokens_details: { cached_tokens: 8, cache_write_tokens: 4 },
    output_tokens: 9,
    output_tokens_details: { reasoning_tokens: 4 },
    total_tokens: 29,
  };
  const expected = { input: 8, input_cached: 8, input_cache_write_5m: 4, output: 5, output_reasoning: 4, total: 29 };
  expect(buckets(raw)).toEqual(expected);
});

test("DeepSeek and Moonshot name their cache hits in their own way", () => {
  const hits = {
    prompt_tokens: 20,
    completion_tokens: 9,
    total_tokens: 29,
    prompt_cache_hit_tokens: 8,
    prompt_cache_miss_tokens: 12,
  };
  expect(buckets(hits)).toEqual({ input: 12, input_cached: 8, output: 9, total: 29 });
  const cached = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29, cached_tokens: 8 };
  expect(buckets(cached)).toEqual({ input: 12, input_cached: 8, output: 9, total: 29 });
});

test("reasoning is beside the completion where the total says so, as at xAI", () => {
  const raw = {
    prompt_tokens: 32,
    completion_tokens: 9,
    total_tokens: 135,
    completion_tokens_details: { reasoning_tokens: 94 },
    num_sources_used: 0,
  };
  expect(buckets(raw)).toEqual({ input: 32, output: 9, output_reasoning: 94, total: 135 });
});

test("what only the total holds is reasoning, as in Gemini's compatible API", () => {
  expect(buckets({ prompt_tokens: 8, completion_tokens: 10, total_tokens: 500 })).toEqual({
    input: 8,
    output: 10,
    output_reasoning: 482,
    total: 500,
  });
});

test("what a provider charged is stated in USD", () => {
  const tokens = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 };
  expect(buckets({ ...tokens, cost: 0.00042 })?.stated_cost_usd).toBe(0.00042);
  expect(buckets({ ...tokens, cost: 0 })?.stated_cost_usd).toBe(0);
  expect(buckets({ ...tokens, cost: { total_cost: 0.006 } })?.stated_cost_usd).toBe(0.006);
  expect(buckets({ ...tokens, cost_in_usd_ticks: 37_756_000 })?.stated_cost_usd).toBe(0.0037756);
  expect(buckets(tokens)).not.toHaveProperty("stated_cost_usd");
});

test("Groq's times are no tokens", () => {
  const raw = {
    queue_time: 0.03,
    prompt_tokens: 20,
    prompt_time: 0.001,
    completion_tokens: 9,
    total_tokens: 29,
    total_time: 0.2,
  };
  expect(buckets(raw)).toEqual({ input: 20, output: 9, total: 29 });
});

test("embeddings have a prompt alone", () => {
  expect(buckets({ prompt_tokens: 5, total_tokens: 5 })).toEqual({ input: 5, total: 5 });
  expect(buckets({ total_tokens: 5 })).toEqual({ input: 5, total: 5 });
});

test("images make image tokens, whether they are broken down or not", () => {
  const raw = {
    input_tokens: 50,
    output_tokens: 100,
    total_tokens: 150,
    input_tokens_details: { image_tokens: 40, text_tokens: 10 },
  };
  const context = { output: "output_image" } as const;
  expect(buckets(raw, context)).toEqual({ input: 10, input_image: 40, output_image: 100, total: 150 });
  const details = { ...raw, output_tokens_details: { image_tokens: 90, text_tokens: 10 } };
  expect(buckets(details, context)).toEqual({ input: 10, input_image: 40, output: 10, output_image: 90, total: 150 });
});

test("the cached part of audio is cached, not audio", () => {
  const raw = {
    total_tokens: 150,
    input_tokens: 100,
    output_tokens: 50,
    input_token_details: {
      text_tokens: 30,
      audio_tokens: 70,
      cached_tokens: 60,
      cached_tokens_details: { text_tokens: 20, audio_tokens: 40 },
    },
    output_token_details: { text_tokens: 10, audio_tokens: 40 },
  };
  expect(buckets(raw)).toEqual({
    input: 10,
    input_cached: 60,
    input_audio: 30,
    output: 10,
    output_audio: 40,
    total: 150,
  });
});

test("audio that is billed by its length has usage without tokens", () => {
  const raw = { type: "duration", seconds: 12 };
  expect(readOpenaiUsage(raw)).toEqual({ total: 0, source: "provider", raw });
});

test("searches and the tier are told beside the tokens", () => {
  const raw = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, num_search_queries: 3 };
  expect(buckets(raw, { tier: "flex" })).toEqual({ input: 1, output: 1, total: 2, requests: 3, tier: "flex" });
  expect(buckets({ ...raw, num_search_queries: 0 }, { requests: 2 })?.requests).toBe(2);
});

test("what says nothing that can be counted is no usage", () => {
  for (const raw of [undefined, null, {}, [], "usage", 7, { prompt_tokens: "7" }, { prompt_tokens: -1 }]) {
    expect(readOpenaiUsage(raw)).toBeUndefined();
  }
});

test("buckets never overlap and are never negative, whatever a provider says", () => {
  const number = fc.oneof(fc.nat(1_000), fc.constantFrom(-5, undefined, null, "9"));
  const details = fc.record({
    cached_tokens: number,
    cache_write_tokens: number,
    audio_tokens: number,
    image_tokens: number,
    reasoning_tokens: number,
    cached_tokens_details: fc.oneof(fc.constant(undefined), fc.record({ audio_tokens: number })),
  });
  const usage = fc.record({
    prompt_tokens: fc.nat(1_000),
    completion_tokens: fc.nat(1_000),
    total_tokens: number,
    prompt_tokens_details: fc.oneof(details, fc.constant(null)),
    completion_tokens_details: fc.oneof(details, fc.constant(null)),
  });
  fc.assert(
    fc.property(usage, (raw) => {
      const read = readOpenaiUsage(raw);
      const sum = raw.prompt_tokens + raw.completion_tokens;
      const stated = typeof raw.total_tokens === "number" ? raw.total_tokens : 0;
      expect(read?.total).toBe(Math.max(sum, stated));
      for (const bucket of usageBuckets) expect(read?.[bucket] ?? 1).toBeGreaterThan(0);
    }),
  );
});

test("with a consumer's own key at OpenRouter the cost is its fee and what the provider charges", () => {
  const usage = { prompt_tokens: 1000, completion_tokens: 1000, cost: 0.0001, is_byok: true };
  const told = { ...usage, cost_details: { upstream_inference_cost: 0.0125 } };
  expect(buckets(told)).toMatchObject({ stated_cost_usd: 0.0126 });
  expect(buckets(usage)).not.toHaveProperty("stated_cost_usd");
});

test("what a tool used that is a model of its own stays beside the usage, and is named", () => {
  const raw = { input_tokens: 100, output_tokens: 10, total_tokens: 110 };
  const used = { image_gen: { input_tokens: 171, output_tokens: 4160, total_tokens: 4331 } };
  expect(readOpenaiUsage(raw, { toolUsage: used })).toEqual({
    input: 100,
    output: 10,
    total: 110,
    source: "provider",
    raw: { ...raw, tool_usage: used },
    other_models: true,
  });
  expect(readOpenaiUsage(raw, { toolUsage: { image_gen: { total_tokens: 0 } } })).toMatchObject({ raw });
  expect(buckets(raw, { toolUsage: { image_gen: { total_tokens: 0 } } })).not.toHaveProperty("other_models");
});
