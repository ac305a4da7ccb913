import type { UsageBuckets } from "../../domain/usage.ts";

/** Usage as an answer tells it: https://ai.google.dev/api/generate-content#UsageMetadata */
export function usageMetadata(usage: UsageBuckets): object {
  const { input = 0, input_cached: cached = 0, output = 0, output_reasoning: thoughts = 0 } = usage;
  const prompt = input + cached;
  return {
    promptTokenCount: prompt,
    ...(cached === 0 ? {} : { cachedContentTokenCount: cached }),
    ...(output === 0 ? {} : { candidatesTokenCount: output }),
    totalTokenCount: prompt + output + thoughts,
    promptTokensDetails: textTokens(prompt),
    ...(cached === 0 ? {} : { cacheTokensDetails: textTokens(cached) }),
    ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
    serviceTier: "standard",
  };
}

/** So many tokens, all of them text. */
export function textTokens(tokenCount: number): readonly object[] {
  return [{ modality: "TEXT", tokenCount }];
}
