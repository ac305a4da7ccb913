import type { UsageBuckets } from "../../domain/usage.ts";

/** A turn's usage as a message tells it (https://platform.claude.com/docs/en/api/messages); thinking is part of the output. */
export function messageUsage(
  usage: UsageBuckets,
  { output, tier = "standard" }: { readonly output?: number; readonly tier?: string } = {},
): object {
  const thinking = usage.output_reasoning ?? 0;
  return {
    ...inputUsage(usage),
    cache_creation: {
      ephemeral_5m_input_tokens: usage.input_cache_write_5m ?? 0,
      ephemeral_1h_input_tokens: usage.input_cache_write_1h ?? 0,
    },
    ...(output === undefined
      ? { output_tokens: (usage.output ?? 0) + thinking, ...details(thinking) }
      : { output_tokens: output }),
    service_tier: tier,
    inference_geo: "not_available",
  };
}

/** The usage of a stream's last word, which tells neither tier nor place again. */
export function finalUsage(usage: UsageBuckets): object {
  const thinking = usage.output_reasoning ?? 0;
  return { ...inputUsage(usage), output_tokens: (usage.output ?? 0) + thinking, ...details(thinking) };
}

function inputUsage(usage: UsageBuckets): object {
  return {
    input_tokens: usage.input ?? 0,
    cache_creation_input_tokens: (usage.input_cache_write_5m ?? 0) + (usage.input_cache_write_1h ?? 0),
    cache_read_input_tokens: usage.input_cached ?? 0,
  };
}

function details(thinking: number): object {
  return thinking === 0 ? {} : { output_tokens_details: { thinking_tokens: thinking } };
}
