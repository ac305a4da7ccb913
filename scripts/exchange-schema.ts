import { z } from "zod";
import type { Exchange } from "../src/domain/exchange.ts";
import { usageBuckets } from "../src/domain/usage.ts";

const id = (length: number) => z.string().regex(new RegExp(`^[0-9a-f]{${length}}$`));
const time = () => z.string().meta({ format: "date-time" });
const amount = () => z.number().min(0);
const nanoUsd = () => z.string().regex(/^-?\d+$/);
const words = () => z.array(z.string());

const choice = z.object({
  index: z.int().min(0),
  text: z.string().optional(),
  reasoning: z.string().optional(),
  refusal: z.string().optional(),
  tool_calls: z
    .array(
      z.object({
        id: z.string().optional(),
        name: z.string(),
        arguments: z
          .unknown()
          .describe("As the model wrote them: the text of a JSON object for OpenAI, the object itself elsewhere."),
        server: z.string().optional().describe("A tool that the provider ran itself, and what kind."),
        result: z
          .unknown()
          .optional()
          .describe("What a tool of the provider's own gave back, as the provider wrote it."),
      }),
    )
    .optional(),
  media: z
    .array(
      z.object({ type: z.string(), bytes: amount().optional(), url: z.string().optional(), id: z.string().optional() }),
    )
    .optional()
    .describe("Images, sounds and files: their type and size, and where they can be had; never their bytes."),
  citations: z.array(z.unknown()).optional().describe("Sources, as the provider wrote them."),
  finish_reason: z.string().optional().describe("In the provider's own words: stop, end_turn, MAX_TOKENS."),
});

const output = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("choices"), choices: z.array(choice) }),
  z.object({ kind: z.literal("vectors"), count: amount(), dimensions: amount() }),
  z.object({ kind: z.literal("json"), value: z.unknown() }),
  z.object({ kind: z.literal("text"), text: z.string() }),
  z.object({ kind: z.literal("binary"), type: z.string(), bytes: amount() }),
]);

const usage = z.object({
  input: amount().optional().describe("Prompt tokens from no cache, plain text."),
  input_cached: amount().optional(),
  input_cache_write_5m: amount().optional(),
  input_cache_write_1h: amount().optional(),
  input_audio: amount().optional(),
  input_image: amount().optional(),
  output: amount().optional().describe("Visible answer tokens."),
  output_reasoning: amount().optional(),
  output_audio: amount().optional(),
  output_image: amount().optional(),
  requests: amount().optional().describe("Billed calls of server tools; outside the total."),
  total: amount().describe("The sum of every bucket but requests."),
  source: z.enum(["provider", "estimated", "none"]),
  raw: z.unknown().optional().describe("The provider's own usage object, untouched."),
  other_models: z
    .literal(true)
    .optional()
    .describe("Other models worked too and are billed beside these counts; raw has theirs."),
  stated_cost_usd: z.number().optional().describe("What the provider itself charged, where it says so."),
  tier: z.string().optional().describe("The service tier that was billed, where the provider says so."),
});

const cost = z.object({
  lines: z.array(
    z.object({
      bucket: z.enum([...usageBuckets, "stated"]),
      quantity: z.number(),
      usd_per_million: z.string().optional().describe("Decimal text; absent where the provider stated the cost."),
      nano_usd: nanoUsd(),
    }),
  ),
  source: z.string().describe("genai-prices, config or provider."),
  version: z.string().optional().describe("The version of the price data."),
  model: z.string().optional().describe("The model's name in the price data."),
});

const attribution = z.object({
  user: z.string().optional(),
  session: z.string().optional(),
  tags: words().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  trace_name: z.string().optional(),
  environment: z.string().optional(),
  release: z.string().optional(),
  version: z.string().optional(),
  prompt_name: z.string().optional(),
  prompt_version: z.number().optional(),
  request_id: z.string().optional().describe("The consumer's own request id, as it was sent."),
  ignored: words().optional().describe("What was malformed and therefore left out, each in a sentence."),
});

const body = z.object({
  content_type: z.string().optional(),
  content_encoding: z.string().optional(),
  bytes: amount().describe("Over the wire."),
  dropped_bytes: amount().optional().describe("In the middle, not kept; absent where all were."),
});

/** An exchange as JSON; a newer writer may add members, never take one away. */
const exchangeSchema = z
  .object({
    schema: z.literal(1).describe("The version of this form."),
    id: z.string(),
    trace_id: id(32),
    span_id: id(16),
    parent_span_id: id(16).optional(),
    linked_trace: z
      .object({ trace_id: id(32), span_id: id(16) })
      .optional()
      .describe("The consumer's traceparent, where another header gave the trace id."),
    kind: z.enum(["generation", "embedding", "other"]),
    transport: z.enum(["http", "websocket"]),
    provider: z.string().optional(),
    dialect: z.string().optional(),
    method: z.string(),
    path: z.string(),
    query: z.string().optional().describe("Without credentials."),
    streaming: z.boolean(),
    status: z.int().optional().describe("What the consumer got; absent where it got none."),
    outcome: z.enum(["answered", "refused", "failed", "aborted"]),
    cause: z.string().optional().describe("Why it did not end as answered."),
    error: z.object({ message: z.string(), type: z.string().optional(), code: z.string().optional() }).optional(),
    started_at: time(),
    ended_at: time(),
    overhead_ms: amount().describe("From the request's head to its way upstream."),
    first_byte_ms: amount().optional().describe("To the first body byte of the answer."),
    duration_ms: amount(),
    chunks: amount().optional().describe("Pieces in which the answer came from upstream; absent where it came whole."),
    model: z.string().optional().describe("The answer's, else the request's."),
    request_model: z.string().optional(),
    response_id: z.string().optional(),
    upstream_request_id: z.string().optional().describe("The upstream's own id of the request."),
    request: body,
    response: body,
    input: z.unknown().optional().describe("Messages, system, tools, prompt; or the fields of a form."),
    parameters: z.record(z.string(), z.unknown()).optional().describe("The request's other members."),
    output: output.optional(),
    modalities: words().optional().describe("vision, audio, document, embedding."),
    usage,
    cost_nano_usd: nanoUsd()
      .optional()
      .describe("Absent where there is no price, and then unpriced is true, or nothing to pay."),
    cost: cost.optional(),
    unpriced: z.literal(true).optional(),
    cache: z.literal("hit").optional().describe("The answer was one that had been kept, which costs nothing."),
    saved_nano_usd: z
      .string()
      .regex(/^\d+$/)
      .optional()
      .describe("What a kept answer would have cost, in nano-dollars."),
    bodies_shed: z.literal(true).optional().describe("Input, output and parameters were given up for want of room."),
    attribution,
    project_id: z.string().optional(),
    token_id: z.string().optional(),
    exchange_log: z
      .enum(["metadata", "off"])
      .optional()
      .describe("What its project lets the exchange log keep, where that is less than everything."),
    count: amount().optional().describe("How many exchanges this stands for; absent for one."),
  })
  .meta({
    title: "Exchange",
    description:
      "One request and its answer. Times are ISO 8601 with milliseconds, durations milliseconds, money nano-dollars as the text of an integer. What is not known is absent, never null.",
  });

/** The JSON Schema of an exchange, as a file. */
export function writeExchangeSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(exchangeSchema, { io: "input", target: "draft-2020-12" }), undefined, 2)}\n`;
}

/** Both types written out in one way, so that a member of one alone shows. */
type Plain<T> = unknown extends T
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Plain<Item>[]
    : T extends object
      ? { readonly [K in keyof T]: Plain<T[K]> }
      : T;
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- TypeScript compares such functions by identity alone
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only while the schema says exactly what the type says. */
true satisfies Same<Plain<z.infer<typeof exchangeSchema>>, Plain<Exchange>>;
