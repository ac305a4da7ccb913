import { z } from "zod";
import type { ExchangeSummary } from "../../domain/exchange-summary.ts";
import { createEstimator, type EstimationConfig } from "../../limits/estimate.ts";
import { readRequestNote, type RequestNote } from "../../limits/read-request.ts";
import type { ExchangeBody } from "../../storage/exchange-body.ts";

/** Why an exchange tells nothing of how text becomes LLM tokens. */
export type Reason =
  | "no_work"
  | "cached"
  | "unanswered"
  | "no_usage"
  | "no_body"
  | "partial"
  | "media"
  | "elsewhere"
  | "no_text";

/** What an exchange tells, or why it tells nothing. */
export type Sample = Measure | { readonly kind: "left_out"; readonly reason: Reason };

/** What was sent, and what was billed for it. */
export type Measure = {
  readonly kind: "measured";
  readonly provider: string;
  /** What the estimate divides: text up to `max_sample_bytes` is counted in characters, larger bodies in bytes. */
  readonly by: "characters" | "bytes";
  readonly units: number;
  /** LLM tokens of the input, as billed and as estimated now. */
  readonly tokens: number;
  readonly estimate: number;
};

/** Reads samples in the way in which the gateway with this configuration estimates calls. */
export type SampleReader = (
  summary: ExchangeSummary,
  facts: Readonly<Record<string, unknown>>,
  body: ExchangeBody,
) => Sample;

/** Why an exchange is of no use, as far as that can be told without what was said in it. */
export function findReason({ kind, cache, outcome, status, inputTokens }: ExchangeSummary): Reason | undefined {
  if (kind === "other") return "no_work";
  if (cache === "hit") return "cached";
  if (outcome !== "answered" || (status ?? 0) >= 400) return "unanswered";
  return inputTokens === 0 ? "no_usage" : undefined;
}

/** Creates the reader. */
export function createSampleReader(config: EstimationConfig): SampleReader {
  const estimator = createEstimator(config);

  return (summary, told, body) => {
    const facts = factsSchema.safeParse(told).data;
    if (facts === undefined) return leaveOut("no_text");
    if (facts.usage.source !== "provider") return leaveOut("no_usage");
    if (!isObject(body.input)) return leaveOut("no_body");
    if (facts.request.dropped_bytes !== undefined) return leaveOut("partial");
    if (hasMedia(facts)) return leaveOut("media");
    if (isElsewhere(facts, body)) return leaveOut("elsewhere");
    if (!/^$|json/i.test(facts.request.content_type ?? "")) return leaveOut("no_text");
    return measure(summary, facts, new TextEncoder().encode(JSON.stringify({ ...body.parameters, ...body.input })));
  };

  function measure({ inputTokens: tokens }: ExchangeSummary, facts: Facts, json: Uint8Array): Sample {
    const { provider, dialect, path, request } = facts;
    const { characters, tokens: others = 0 } = readRequestNote(dialect, json, path, Number.MAX_SAFE_INTEGER);
    if (others > 0) return leaveOut("media");
    if (!characters) return leaveOut("no_text");
    const isPacked = (request.content_encoding ?? "identity") !== "identity";
    const bytes = isPacked ? json.length : request.bytes;
    const isCounted = bytes <= config.maxSampleBytes;
    // How long it was unpacked, and whether all of it was, nobody has noted.
    if (isPacked && !isCounted) return leaveOut("partial");
    const note: RequestNote = isCounted ? { characters, bytes } : { bytes };
    const { input: estimate } = estimator.estimate({ provider, dialect, note, knownBytes: bytes, works: true });
    const [by, units] = isCounted ? (["characters", characters] as const) : (["bytes", bytes] as const);
    return { kind: "measured", provider, by, units, tokens, estimate };
  }
}

const factsSchema = z.object({
  provider: z.string(),
  dialect: z.string(),
  path: z.string(),
  transport: z.string(),
  modalities: z.array(z.string()).optional(),
  request: z.object({
    bytes: z.number(),
    content_type: z.string().optional(),
    content_encoding: z.string().optional(),
    dropped_bytes: z.number().optional(),
  }),
  usage: z.object({
    source: z.string(),
    input_audio: z.number().optional(),
    input_image: z.number().optional(),
    requests: z.number().optional(),
    raw: z.unknown().optional(),
  }),
});

type Facts = z.infer<typeof factsSchema>;

/** A sample that tells nothing. */
export function leaveOut(reason: Reason): Sample {
  return { kind: "left_out", reason };
}

function hasMedia({ modalities = [], usage: { input_audio = 0, input_image = 0 } }: Facts): boolean {
  return input_audio + input_image > 0 || modalities.some((modality) => modality !== "embedding");
}

/** Members that name input which the provider has already. */
const references = [
  "previous_response_id",
  "previous_interaction_id",
  "conversation",
  "cachedContent",
  "cached_content",
  "container",
  "mcp_servers",
] as const;

/** What Gemini's own tools gave its model, which it counts as input. */
const toolCounts = ["toolUsePromptTokenCount", "total_tool_use_tokens"] as const;

/** Whether input was billed that the request didn't hold: a history or a prompt that the provider keeps, or what its own tools found. */
function isElsewhere({ transport, usage }: Facts, { input, parameters = {}, output }: ExchangeBody): boolean {
  if (transport !== "http" || (usage.requests ?? 0) > 0) return true;
  if (references.some((name) => isSaid(parameters[name]))) return true;
  if (isObject(input) && (isObject(input["prompt"]) || hasRemoteTools(input["tools"]))) return true;
  const { raw } = usage;
  if (isObject(raw) && toolCounts.some((name) => Number(raw[name] ?? 0) > 0)) return true;
  return (outputSchema.safeParse(output).data?.choices ?? []).some(({ tool_calls: calls = [] }) =>
    calls.some(({ server }) => server !== undefined),
  );
}

/** What such tools are is fetched, and billed, by the provider. */
function hasRemoteTools(tools: unknown): boolean {
  return Array.isArray(tools) && tools.some((tool: unknown) => isObject(tool) && tool["type"] === "mcp");
}

const outputSchema = z.object({
  choices: z.array(z.object({ tool_calls: z.array(z.object({ server: z.string().optional() })).optional() })),
});

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
