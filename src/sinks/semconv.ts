import type { Exchange } from "../domain/exchange.ts";
import type { Usage } from "../domain/usage.ts";
import { isMembers, type Members } from "./members.ts";
import type { Attributes, AttributeValue } from "./otlp-json.ts";

/** Providers whose name is another in the GenAI conventions. */
const providerNames = new Map([
  ["gemini", "gcp.gemini"],
  ["vertex", "gcp.vertex_ai"],
  ["azure", "azure.ai.openai"],
  ["bedrock", "aws.bedrock"],
  ["mistral", "mistral_ai"],
  ["xai", "x_ai"],
  ["kimi", "moonshot_ai"],
  ["moonshot", "moonshot_ai"],
]);

/** What an exchange was for; `undefined` where it was no work of a model. */
export function operationName({ kind, dialect, path }: Exchange): string | undefined {
  if (kind === "other") return undefined;
  if (kind === "embedding") return "embeddings";
  if (dialect === "gemini-generate") return "generate_content";
  return /(?<!\/chat)\/completions$/.test(path) ? "text_completion" : "chat";
}

/**
 * An exchange without its content, by OpenTelemetry's conventions for GenAI
 * (https://github.com/open-telemetry/semantic-conventions-genai, in development) and for HTTP.
 */
export function semanticAttributes(exchange: Exchange): Attributes {
  const { provider, attribution } = exchange;
  return {
    "gen_ai.operation.name": operationName(exchange),
    "gen_ai.provider.name": provider === undefined ? undefined : (providerNames.get(provider) ?? provider),
    "gen_ai.conversation.id": attribution.session,
    "gen_ai.prompt.name": attribution.prompt_name,
    "gen_ai.prompt.version": attribution.prompt_version?.toString(),
    ...requestAttributes(exchange),
    ...responseAttributes(exchange),
    ...usageAttributes(exchange.usage),
    "http.request.method": exchange.method,
    "http.request.body.size": BigInt(exchange.request.bytes),
    "http.response.status_code": exchange.status === undefined ? undefined : BigInt(exchange.status),
    "http.response.body.size": BigInt(exchange.response.bytes),
    "url.path": exchange.path,
    "url.query": exchange.query,
    "user.id": attribution.user,
    "session.id": attribution.session,
    "deployment.environment.name": attribution.environment,
  };
}

function requestAttributes({ request_model, model, streaming, parameters = {} }: Exchange): Attributes {
  const { generationConfig } = parameters;
  const given: Members = { ...parameters, ...(isMembers(generationConfig) ? generationConfig : {}) };
  const choices = integer(given["n"] ?? given["candidateCount"]);
  return {
    "gen_ai.request.model": request_model ?? model,
    "gen_ai.request.stream": streaming || undefined,
    "gen_ai.request.choice.count": choices === 1n ? undefined : choices,
    "gen_ai.request.max_tokens": integer(
      given["max_tokens"] ?? given["max_completion_tokens"] ?? given["max_output_tokens"] ?? given["maxOutputTokens"],
    ),
    "gen_ai.request.temperature": double(given["temperature"]),
    "gen_ai.request.top_p": double(given["top_p"] ?? given["topP"]),
    "gen_ai.request.top_k": integer(given["top_k"] ?? given["topK"]),
    "gen_ai.request.frequency_penalty": double(given["frequency_penalty"] ?? given["frequencyPenalty"]),
    "gen_ai.request.presence_penalty": double(given["presence_penalty"] ?? given["presencePenalty"]),
    "gen_ai.request.seed": integer(given["seed"]),
    "gen_ai.request.stop_sequences": texts(given["stop"] ?? given["stop_sequences"] ?? given["stopSequences"]),
  };
}

function responseAttributes({ model, response_id, output, streaming, first_byte_ms }: Exchange): Attributes {
  const choices = output?.kind === "choices" ? output.choices : [];
  return {
    "gen_ai.response.model": model,
    "gen_ai.response.id": response_id,
    "gen_ai.response.finish_reasons":
      choices.length === 0 ? undefined : choices.map(({ finish_reason }) => finish_reason ?? "error"),
    "gen_ai.response.time_to_first_chunk": streaming && first_byte_ms !== undefined ? first_byte_ms / 1000 : undefined,
    "gen_ai.embeddings.dimension.count": output?.kind === "vectors" ? BigInt(output.dimensions) : undefined,
  };
}

/** The conventions count cached tokens inside the input's, and reasoning inside the output's. */
function usageAttributes(usage: Usage): Attributes {
  if (usage.total === 0) return {};
  const sum = (...counts: readonly (number | undefined)[]): bigint =>
    BigInt(counts.reduce<number>((total, count) => total + (count ?? 0), 0));
  const some = (count: bigint): bigint | undefined => (count === 0n ? undefined : count);
  const written = sum(usage.input_cache_write_5m, usage.input_cache_write_1h);
  return {
    "gen_ai.usage.input_tokens": written + sum(usage.input, usage.input_cached, usage.input_audio, usage.input_image),
    "gen_ai.usage.output_tokens": sum(usage.output, usage.output_reasoning, usage.output_audio, usage.output_image),
    "gen_ai.usage.cache_read.input_tokens": some(sum(usage.input_cached)),
    "gen_ai.usage.cache_write.input_tokens": some(written),
    "gen_ai.usage.reasoning.output_tokens": some(sum(usage.output_reasoning)),
    "gen_ai.usage.audio.input_tokens": some(sum(usage.input_audio)),
    "gen_ai.usage.audio.output_tokens": some(sum(usage.output_audio)),
    "gen_ai.usage.image.input_tokens": some(sum(usage.input_image)),
    "gen_ai.usage.image.output_tokens": some(sum(usage.output_image)),
  };
}

function integer(value: unknown): bigint | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

function double(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function texts(value: unknown): AttributeValue | undefined {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : undefined;
}
