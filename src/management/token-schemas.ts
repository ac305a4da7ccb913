import { z } from "@hono/zod-openapi";
import { budgetsAnswer, budgetsField, limitsAnswer, limitsField } from "./bound-schemas.ts";
import { expiryFields } from "./expiry.ts";
import { line, metadataField, rules, timeAnswer, wholeNumber } from "./fields.ts";
import { nextCursor } from "./list-answer.ts";

const maxRequestsField = wholeNumber()
  .min(0, "must be 0 or more: max_requests must be >= 0, where 0 is unlimited")
  .nullable()
  .optional()
  .openapi({ description: "Calls in its whole life; 0 or null is unlimited.", example: 1000 });

const commonFields = {
  name: line(200).nullish().openapi({ description: "For you to know it by.", example: "ci" }),
  ...expiryFields,
  max_requests: maxRequestsField,
  is_active: z.boolean().optional(),
  user_id: line(200).nullish().openapi({
    description: "Whom its calls are attributed to where they don't say.",
    example: "alice",
  }),
  allowed_models: rules(line(200), 200)
    .nullish()
    .openapi({
      description: "Globs of the models that it may use: `*` is anything but `/`, `**` all. Null allows every model.",
      example: ["gpt-4o*"],
    }),
  metadata: metadataField.optional(),
  limits: limitsField,
  budget: budgetsField,
} as const;

/** A token to be. */
export const newTokenSchema = z
  .strictObject({
    project_id: z.string("is required: project_id is required").openapi({ format: "uuid" }),
    ...commonFields,
  })
  .openapi("NewToken", {
    description:
      "Exactly one of `duration_minutes`, `duration`, `expires_at` and `never_expires` says how long it lives.",
    example: { project_id: "0195f3a0-7a7c-7d3e-9a53-0a9f3f0c1d2e", duration: "24h", max_requests: 1000, name: "ci" },
  });

/** What is to become of a token. */
export const tokenChangeSchema = z.strictObject(commonFields).openapi("TokenChange", {
  description:
    "What is absent stays: a token that is activated again keeps its bounds. A time in the past expires it now.",
  example: { is_active: true, max_requests: 2000 },
});

/** A token as it is answered. */
export const tokenSchema = z
  .object({
    id: z.string().openapi({ format: "uuid" }),
    project_id: z.string().openapi({ format: "uuid" }),
    name: z.string().nullable(),
    token: z.string().openapi({
      description: "What is shown of it; the answer to its creation alone has the whole.",
      example: "sk-weir-...wxyz",
    }),
    expires_at: timeAnswer.nullable().openapi({ description: "Null where it never expires." }),
    max_requests: z.int().nullable().openapi({ description: "Null where it is unlimited." }),
    is_active: z.boolean(),
    deactivated_at: timeAnswer.nullable(),
    created_at: timeAnswer,
    updated_at: timeAnswer,
    last_used_at: timeAnswer.nullable(),
    request_count: z.int(),
    cache_hit_count: z.int(),
    user_id: z.string().nullable(),
    allowed_models: z.array(z.string()).readonly().nullable(),
    metadata: z.record(z.string(), z.unknown()).readonly(),
    limits: limitsAnswer,
    budget: budgetsAnswer,
  })
  .openapi("Token");

/** A page of tokens. */
export const tokenListSchema = z.object({ tokens: z.array(tokenSchema), next_cursor: nextCursor }).openapi("TokenList");
