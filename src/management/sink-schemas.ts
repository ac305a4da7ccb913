import { z } from "@hono/zod-openapi";
import { timeAnswer } from "./fields.ts";
import { nextCursor } from "./list-answer.ts";

const count = z.int().nonnegative();

/** A sink, as it is answered. */
export const sinkSchema = z
  .object({
    name: z.string().openapi({ example: "langfuse" }),
    target: z.string().openapi({ description: "Where it delivers to; never a secret." }),
    status: z.enum(["ok", "failing", "paused"]),
    last_error: z.string().nullable(),
    received: count,
    delivered: count,
    pending: count,
    rejected: count,
    dropped: z.record(z.string(), count).openapi({ description: "By reason.", example: { outbox_full: 0 } }),
    sampled_out: count,
    lag_seconds: z.number().openapi({ description: "Age of the oldest record that waits." }),
  })
  .openapi("Sink", {
    description: "Always `received = delivered + pending + rejected + dropped + sampled_out`.",
  });

export const sinkListSchema = z
  .object({ sinks: z.array(sinkSchema).readonly(), next_cursor: nextCursor })
  .openapi("SinkList");

/** A record that a sink refused for good, as it is answered. */
export const deadLetterSchema = z
  .object({
    sink: z.string(),
    exchange_id: z.string(),
    reason: z.string(),
    at: timeAnswer,
  })
  .openapi("DeadLetter");

export const deadLetterListSchema = z
  .object({ "dead-letters": z.array(deadLetterSchema).readonly(), next_cursor: nextCursor })
  .openapi("DeadLetterList");
