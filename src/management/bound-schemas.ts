import { z } from "@hono/zod-openapi";
import { readUsd } from "../lib/nano-usd.ts";
import { timeAnswer, wholeNumber } from "./fields.ts";

const figure = (description: string) =>
  wholeNumber().min(0, "must be 0 or more, where 0 is unlimited").nullish().openapi({ description });

/** How much may be called. */
export const limitsField = z
  .strictObject({
    requests_per_minute: figure("Requests in any 60 seconds."),
    tokens_per_minute: figure("LLM tokens in any 60 seconds."),
    requests_per_day: figure("Requests in a day, in UTC."),
    tokens_per_day: figure("LLM tokens in a day, in UTC."),
    concurrent: figure("Requests that are under way at once."),
  })
  .nullish()
  .openapi({
    description: "How much may be called; 0 bounds nothing. Changed one by one: null takes one away, or all of them.",
    example: { requests_per_minute: 60 },
  });

const amountField = z
  .union([z.string(), z.number()], 'must be dollars, such as 25 or "0.50"')
  .refine(
    (amount) => (readUsd(String(amount)) ?? 0) > 0,
    'must be dollars greater than 0, such as 25 or "0.50", below 9 million and with 9 decimals at most',
  )
  .transform(String)
  .openapi({ description: "USD; text keeps it exact.", example: "25.00" });

const budgetField = z.strictObject({
  amount_usd: amountField,
  period: z
    .enum(["day", "month", "total"], "must be day, month or total")
    .openapi({ description: "When it begins anew, in UTC; `total` never does." }),
  hard: z
    .boolean()
    .optional()
    .openapi({ description: "Whether it stops calls, as it does by default; else it only warns." }),
  warn_at: z
    .array(z.int("must be a whole number").min(1, "must be 1 or more").max(100, "must be 100 or less"))
    .max(20, "must have 20 entries at most")
    .refine((percents) => percents.every((percent, at) => percent > (percents[at - 1] ?? 0)), "must be ascending")
    .optional()
    .openapi({ description: "Percent at which it is told, once in a period; 50, 80 and 100 by default." }),
});

/** What may be spent. */
export const budgetsField = z
  .array(budgetField)
  .max(3, "must have 3 entries at most")
  .refine(
    (list) => new Set(list.map(({ period }) => period)).size === list.length,
    "must have one entry for each period",
  )
  .nullish()
  .openapi({
    description: "What may be spent, one budget for each period; it replaces what was there, and null takes all away.",
    example: [{ amount_usd: "25.00", period: "month", hard: true, warn_at: [50, 80, 100] }],
  });

/** Limits as they are answered. */
export const limitsAnswer = z.object({
  requests_per_minute: z.int().nullable(),
  tokens_per_minute: z.int().nullable(),
  requests_per_day: z.int().nullable(),
  tokens_per_day: z.int().nullable(),
  concurrent: z.int().nullable(),
});

/** Budgets as they are answered, with what was spent. */
export const budgetsAnswer = z
  .array(
    z.object({
      amount_usd: z.string().openapi({ example: "25.00" }),
      period: z.enum(["day", "month", "total"]),
      hard: z.boolean(),
      warn_at: z.array(z.int()).readonly(),
      spent_usd: z.string().openapi({
        description:
          "What was spent in this period, as far as it is written down, which is half a second late at most.",
        example: "3.0421",
      }),
      remaining_usd: z.string().openapi({ description: "What is left; 0 where more was spent.", example: "21.9579" }),
      renews_at: timeAnswer.nullable().openapi({ description: "When it begins anew; null where it never does." }),
    }),
  )
  .readonly();
