import { z } from "@hono/zod-openapi";
import { isMasked } from "../domain/project.ts";
import { budgetsAnswer, budgetsField, limitsAnswer, limitsField } from "./bound-schemas.ts";
import { entries, line, metadataField, rules, timeAnswer } from "./fields.ts";
import { nextCursor } from "./list-answer.ts";

const maskedMessage =
  "is masked: cannot save obfuscated API key - please provide the full API key, or leave it out to keep the one that is there";

const keyField = z
  .string()
  .min(1, "must not be empty; null takes a key away")
  .max(8192, "must have 8192 characters at most")
  .refine((key) => !isMasked(key) && !/^\*+$/.test(key), maskedMessage)
  .refine((key) => /^[!-~]*$/.test(key), "must be printable ASCII characters without spaces")
  .nullable()
  .optional();

const openaiKey = keyField.openapi({ description: "The OpenAI key: `provider_keys.openai` by its older name." });

const keyFields = {
  provider_keys: z
    .record(line(100), keyField)
    .optional()
    .openapi({
      description: "The provider's own keys, by provider; null takes one away. They are shown masked ever after.",
      example: { openai: "sk-proj-0123456789abcdefwxyz" },
    }),
  openai_api_key: openaiKey,
  api_key: openaiKey,
} as const;

const methodField = z
  .string()
  .regex(/^[A-Za-z]{1,20}$/, "must be a method such as POST")
  .toUpperCase();

const endpointField = z
  .string()
  .max(500, "must have 500 characters at most")
  .regex(/^\/[^?#%\\]*$/, "must be a path prefix such as /v1/chat/completions, not percent-encoded")
  .refine(
    (path) => !/\p{Cc}|(?:^|\/)\.{1,2}(?:\/|$)/u.test(path),
    "must be a path without dot-segments and control characters",
  );

const originField = z
  .string()
  .refine(
    (origin) => origin === "*" || (URL.canParse(origin) && new URL(origin).origin === origin && origin !== "null"),
    "must be * or an origin as browsers send it, such as https://app.example.com",
  );

const headerField = z
  .string()
  .regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/, "must be the name of a header")
  .toLowerCase();

const policyField = z.strictObject({
  allowed_methods: rules(methodField, 20)
    .nullish()
    .openapi({ description: "Methods that may be used.", example: ["POST"] }),
  allowed_endpoints: rules(endpointField, 200)
    .nullish()
    .openapi({
      description: "Path prefixes, up to a segment's end, as the provider knows its paths.",
      example: ["/v1/chat/completions"],
    }),
  param_whitelist: entries(rules(line(200), 200), 50)
    .nullish()
    .openapi({
      description:
        "Globs that each value of a top-level parameter must match one of: `*` is anything but `/`, `**` all.",
      example: { model: ["gpt-4o", "gpt-4.1-*"] },
    }),
  allowed_origins: rules(originField, 200)
    .nullish()
    .openapi({ description: "Origins that browsers may call from.", example: ["https://app.example.com"] }),
  required_headers: rules(headerField, 50)
    .nullish()
    .openapi({ description: "Headers that every call must have.", example: ["x-team"] }),
});

const settingsField = z.strictObject({
  use_operator_keys: z.boolean().nullish().openapi({
    description:
      "Calls go upstream with the operator's key where the project has none for that provider. Null: as long as it has no key at all.",
  }),
  allow_own_keys: z.boolean().nullish().openapi({
    description: "A consumer may send a provider key of its own beside a token in `x-weir-key`.",
  }),
  stream_usage: z.enum(["inject", "off"]).nullish().openapi({ description: "`STREAM_USAGE` for this project." }),
  stream_error_event: z.boolean().nullish().openapi({ description: "`STREAM_ERROR_EVENT` for this project." }),
  on_disconnect: z.enum(["cancel", "drain"]).nullish().openapi({ description: "`ON_DISCONNECT` for this project." }),
  validate: z.boolean().nullish().openapi({ description: "`VALIDATE_REQUESTS` for this project." }),
  exchange_log: z
    .enum(["full", "metadata", "off"])
    .nullish()
    .openapi({ description: "What of its calls is kept in the exchange log: all, all but what was said, or nothing." }),
  cache: z
    .union([z.literal("off"), z.int().min(1).max(31_536_000)], 'must be "off" or whole seconds from 1 to 31536000')
    .nullish()
    .openapi({
      description:
        "`off` keeps no answer of its calls and gives it none; seconds keep answers of models for so long though a consumer doesn't ask for it.",
    }),
});

const nameField = line(200).openapi({ description: "No two projects have the same.", example: "search" });

const commonFields = {
  ...keyFields,
  metadata: metadataField.optional(),
  policy: policyField.optional().openapi({
    description: "What its tokens may call. A rule that is null or absent allows everything.",
  }),
  settings: settingsField.optional().openapi({
    description: "What it decides for its calls. Null leaves a decision to the gateway.",
  }),
  limits: limitsField,
  budget: budgetsField,
} as const;

/** A project to be. */
export const newProjectSchema = z
  .strictObject({
    name: nameField,
    ...commonFields,
    is_active: z.boolean().optional().openapi({ description: "true by default." }),
  })
  .openapi("NewProject", { example: { name: "search", provider_keys: { openai: "sk-proj-0123456789abcdefwxyz" } } });

/** What is to become of a project. */
export const projectChangeSchema = z
  .strictObject({
    name: nameField.optional(),
    ...commonFields,
    is_active: z.boolean().optional().openapi({
      description: "A project that isn't active gets no tokens, and those it has are refused.",
    }),
    revoke_tokens: z.boolean().optional().openapi({
      description: "Revokes all of its tokens with it; only beside `is_active: false`.",
    }),
  })
  .openapi("ProjectChange", { example: { is_active: false, revoke_tokens: true } });

/** A project as it is answered. */
export const projectSchema = z
  .object({
    id: z.string().openapi({ format: "uuid" }),
    name: z.string().openapi({ example: "search" }),
    provider_keys: z
      .record(z.string(), z.string())
      .readonly()
      .openapi({
        description: "What is shown of each key.",
        example: { openai: "sk-proj-...wxyz" },
      }),
    is_active: z.boolean(),
    deactivated_at: timeAnswer.nullable(),
    created_at: timeAnswer,
    updated_at: timeAnswer,
    metadata: z.record(z.string(), z.unknown()).readonly(),
    policy: z.object({
      allowed_methods: z.array(z.string()).readonly().nullable(),
      allowed_endpoints: z.array(z.string()).readonly().nullable(),
      param_whitelist: z.record(z.string(), z.array(z.string()).readonly()).readonly().nullable(),
      allowed_origins: z.array(z.string()).readonly().nullable(),
      required_headers: z.array(z.string()).readonly().nullable(),
    }),
    settings: z.object({
      use_operator_keys: z.boolean().nullable(),
      allow_own_keys: z.boolean().nullable(),
      stream_usage: z.enum(["inject", "off"]).nullable(),
      stream_error_event: z.boolean().nullable(),
      on_disconnect: z.enum(["cancel", "drain"]).nullable(),
      validate: z.boolean().nullable(),
      cache: z.union([z.literal("off"), z.int()]).nullable(),
      exchange_log: z.enum(["full", "metadata", "off"]).nullable(),
    }),
    limits: limitsAnswer,
    budget: budgetsAnswer,
  })
  .openapi("Project");

/** A page of projects. */
export const projectListSchema = z
  .object({ projects: z.array(projectSchema), next_cursor: nextCursor })
  .openapi("ProjectList");

/** What became of a project's tokens. */
export const revokedSchema = z
  .object({
    revoked_count: z.int().openapi({ example: 3 }),
    already_revoked_count: z.int().openapi({ example: 1 }),
    total_tokens: z.int().openapi({ example: 4 }),
  })
  .openapi("RevokedTokens");
