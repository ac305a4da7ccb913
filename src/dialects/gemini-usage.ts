import { type Usage, type UsageBuckets, sumUsage, usageBuckets } from "../domain/usage.ts";
import { count, object, objects, text } from "./json.ts";

/**
 * Reads Gemini's `usageMetadata` (https://ai.google.dev/api/generate-content#UsageMetadata): the prompt holds what was cached,
 * tool results come beside the prompt, thoughts come beside the answer, and the details say how much of each was sound or picture.
 * Billed searches aren't in it.
 */
export function readGeminiUsage(raw: unknown, searches?: number): Usage | undefined {
  const usage = object(raw);
  if (usage === undefined) return undefined;
  const prompt = readModalities(usage.promptTokensDetails ?? usage.promptTokenDetails, "tokenCount");
  const answer = readModalities(usage.candidatesTokensDetails ?? usage.responseTokensDetails, "tokenCount");
  return countGemini(raw, {
    prompt: count(usage.promptTokenCount) ?? 0,
    promptParts: prompt,
    cached: count(usage.cachedContentTokenCount) ?? 0,
    cachedParts: readModalities(usage.cacheTokensDetails, "tokenCount"),
    tools: count(usage.toolUsePromptTokenCount) ?? 0,
    answer: count(usage.candidatesTokenCount) ?? count(usage.responseTokenCount) ?? 0,
    answerParts: answer,
    thoughts: count(usage.thoughtsTokenCount) ?? 0,
    searches,
    tier: readTier(text(usage.serviceTier) ?? text(usage.trafficType)),
  });
}

/** Reads the usage of an interaction, which counts the same under names of its own (https://ai.google.dev/gemini-api/docs/interactions). */
export function readInteractionUsage(raw: unknown, tier: unknown, searches?: number): Usage | undefined {
  const usage = object(raw);
  if (usage === undefined) return undefined;
  return countGemini(raw, {
    prompt: count(usage.total_input_tokens) ?? 0,
    promptParts: readModalities(usage.input_tokens_by_modality, "tokens"),
    cached: count(usage.total_cached_tokens) ?? 0,
    cachedParts: readModalities(usage.cached_tokens_by_modality, "tokens"),
    tools: count(usage.total_tool_use_tokens) ?? 0,
    answer: count(usage.total_output_tokens) ?? 0,
    answerParts: readModalities(usage.output_tokens_by_modality, "tokens"),
    thoughts: count(usage.total_thought_tokens) ?? 0,
    searches,
    tier: readTier(text(tier)),
  });
}

/** Adds usages of several turns up, each provider's object kept. */
export function addUsages(usages: readonly Usage[]): Usage | undefined {
  const [first, ...rest] = usages;
  if (first === undefined || rest.length === 0) return first;
  const sums: Partial<Record<keyof UsageBuckets, number>> = {};
  for (const usage of usages)
    for (const bucket of usageBuckets) sums[bucket] = (sums[bucket] ?? 0) + (usage[bucket] ?? 0);
  return sumUsage(sums, { source: "provider", raw: usages.map(({ raw }) => raw), tier: first.tier });
}

type Modalities = { readonly audio: number; readonly image: number };

type Counts = {
  readonly prompt: number;
  readonly promptParts: Modalities;
  readonly cached: number;
  readonly cachedParts: Modalities;
  readonly tools: number;
  readonly answer: number;
  readonly answerParts: Modalities;
  readonly thoughts: number;
  readonly searches: number | undefined;
  readonly tier: string | undefined;
};

function countGemini(raw: unknown, counts: Counts): Usage {
  const { prompt, promptParts, cachedParts, answer, answerParts } = counts;
  const cached = Math.min(counts.cached, prompt);
  const fresh = split(prompt - cached, {
    audio: promptParts.audio - cachedParts.audio,
    image: promptParts.image - cachedParts.image,
  });
  const said = split(answer, answerParts);
  return sumUsage(
    {
      input: fresh.rest + counts.tools,
      input_cached: cached,
      input_audio: fresh.audio,
      input_image: fresh.image,
      output: said.rest,
      output_audio: said.audio,
      output_image: said.image,
      output_reasoning: counts.thoughts,
      requests: counts.searches ?? 0,
    },
    { source: "provider", raw, tier: counts.tier },
  );
}

/** Takes the parts out of a whole, never more than there is. */
function split(whole: number, parts: Modalities): Modalities & { readonly rest: number } {
  const audio = Math.min(Math.max(0, parts.audio), whole);
  const image = Math.min(Math.max(0, parts.image), whole - audio);
  return { audio, image, rest: whole - audio - image };
}

/** Sound, and pictures with moving ones; text and documents are the rest. */
function readModalities(details: unknown, member: "tokenCount" | "tokens"): Modalities {
  const sum = (named: readonly string[]) =>
    objects(details)
      .filter(({ modality }) => named.includes(text(modality)?.toUpperCase() ?? ""))
      .reduce((total, detail) => total + (count(detail[member]) ?? 0), 0);
  return { audio: sum(["AUDIO"]), image: sum(["IMAGE", "VIDEO"]) };
}

/** `flex`, `priority`; Vertex names its tiers `ON_DEMAND_FLEX`. */
function readTier(said: string | undefined): string | undefined {
  const tier = said?.toLowerCase().replace(/^on_demand_?/, "");
  return tier === "" || tier === "standard" || tier?.endsWith("unspecified") ? undefined : tier;
}
