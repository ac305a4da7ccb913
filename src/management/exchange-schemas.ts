import { z } from "@hono/zod-openapi";
import type { ExchangeStart, ExchangeSummary } from "../domain/exchange-summary.ts";
import { writeUsd } from "../lib/nano-usd.ts";
import { timeAnswer, writeTime } from "./fields.ts";
import { nextCursor } from "./list-answer.ts";

const text = z.string().nullable();
const count = z.int().nonnegative();

/** An exchange in a list, as it is answered. */
export const exchangeSummarySchema = z
  .object({
    id: z.string().openapi({ format: "uuid" }),
    started_at: timeAnswer,
    kind: z.string().openapi({ description: "`generation`, `embedding` or `other`.", example: "generation" }),
    provider: text.openapi({ example: "openai" }),
    model: text.openapi({ example: "gpt-4o-mini" }),
    project_id: text,
    token_id: text,
    user: text,
    session: text,
    trace_id: z.string(),
    method: z.string().openapi({ example: "POST" }),
    path: z.string().openapi({ example: "/v1/chat/completions" }),
    status: z.int().nullable().openapi({ description: "Null where the consumer got none.", example: 200 }),
    outcome: z.string().openapi({ description: "`answered`, `refused`, `failed` or `aborted`.", example: "answered" }),
    cause: text.openapi({ description: "Why it did not end as `answered`." }),
    streaming: z.boolean(),
    cache: text.openapi({ description: "`hit` where the answer was one that had been kept." }),
    duration_ms: z.number(),
    first_byte_ms: z.number().nullable(),
    input_tokens: count,
    output_tokens: count,
    cost_usd: text.openapi({
      description: "Exact, as decimal text; null where there is no price.",
      example: "0.00013",
    }),
    cost_nano_usd: text.openapi({ example: "130000" }),
    unpriced: z.boolean().openapi({ description: "There was something to pay, and there is no price for it." }),
  })
  .openapi("ExchangeSummary");

/** A page of exchanges. */
export const exchangeListSchema = z
  .object({ exchanges: z.array(exchangeSummarySchema), next_cursor: nextCursor })
  .openapi("ExchangeList");

/** An exchange, as `docs/exchange.schema.json` describes it, without what was said in it. */
export const exchangeSchema = z
  .looseObject({
    id: z.string(),
    cost_usd: z.string().optional(),
    body_kept: z.boolean().openapi({ description: "Whether anything of what was said is kept: `body` has it." }),
  })
  .openapi("Exchange", {
    description:
      "All that is known but what was said: the members that `docs/exchange.schema.json` describes, without `input`, `parameters` and `output`.",
  });

/** What was said in an exchange. */
export const exchangeBodySchema = z
  .object({
    id: z.string(),
    input: z
      .unknown()
      .optional()
      .openapi({ description: "What the model was given: messages, system, tools, prompt." }),
    parameters: z.record(z.string(), z.unknown()).readonly().optional(),
    output: z.unknown().optional().openapi({ description: "What it answered." }),
  })
  .openapi("ExchangeBody", { description: "What isn't kept is left out." });

/** The line of an exchange as it is answered. */
export function writeSummary(exchange: ExchangeSummary): z.output<typeof exchangeSummarySchema> {
  return {
    id: exchange.id,
    started_at: writeTime(exchange.startedAt),
    kind: exchange.kind,
    provider: exchange.provider,
    model: exchange.model,
    project_id: exchange.projectId,
    token_id: exchange.tokenId,
    user: exchange.user,
    session: exchange.session,
    trace_id: exchange.traceId,
    method: exchange.method,
    path: exchange.path,
    status: exchange.status,
    outcome: exchange.outcome,
    cause: exchange.cause,
    streaming: exchange.streaming,
    cache: exchange.cache,
    duration_ms: exchange.durationMs,
    first_byte_ms: exchange.firstByteMs,
    input_tokens: exchange.inputTokens,
    output_tokens: exchange.outputTokens,
    cost_usd: exchange.costNanoUsd === null ? null : writeUsd(exchange.costNanoUsd),
    cost_nano_usd: exchange.costNanoUsd,
    unpriced: exchange.unpriced,
  };
}

/** An exchange that has begun, as it is told of. */
export function writeStart({ exchange_id: id, trace_id, startedAt, method, path }: ExchangeStart) {
  return { id, trace_id, started_at: writeTime(startedAt), method, path };
}
