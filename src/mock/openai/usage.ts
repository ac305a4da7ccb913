import type { UsageBuckets } from "../../domain/usage.ts";

/** Usage as chat completions tell it. */
export function chatUsage(usage: UsageBuckets): object {
  const { prompt, completion, cached, reasoning } = totals(usage);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** Usage as responses tell it. */
export function responseUsage(usage: UsageBuckets): object {
  const { prompt, completion, cached, reasoning } = totals(usage);
  return {
    input_tokens: prompt,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: completion,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: prompt + completion,
  };
}

/** What several choices for one prompt are billed as. */
export function usageOfChoices(usages: readonly UsageBuckets[]): UsageBuckets {
  const sum = (bucket: "output" | "output_reasoning"): number =>
    usages.reduce((total, usage) => total + (usage[bucket] ?? 0), 0);
  return { ...usages[0], output: sum("output"), output_reasoning: sum("output_reasoning") };
}

function totals(usage: UsageBuckets) {
  const cached = usage.input_cached ?? 0;
  const reasoning = usage.output_reasoning ?? 0;
  return { prompt: (usage.input ?? 0) + cached, completion: (usage.output ?? 0) + reasoning, cached, reasoning };
}
