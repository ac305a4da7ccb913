import { z } from "zod";
import { credential, oneOf, url, withDefault } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** What users may spend; `read-budgets.ts` looks into their budgets. */
export const budgetSettings = {
  onFailure: {
    env: "BUDGETS_ON_FAILURE",
    yaml: "budgets.on_failure",
    ...withDefault(oneOf(["closed", "open"]), "closed"),
    help: "What becomes of a call with a hard budget while the database can't be asked and what was asked for before is used up: `closed` refuses it, `open` lets it pass.",
  },
  users: {
    yaml: "budgets.users",
    schema: z.unknown(),
    help: 'Budgets by user or by a glob, and of each other user under `"*"`: `alice: [{ amount_usd: 25, period: month, hard: true, warn_at: [50, 80, 100] }]`. A period is `day`, `month` or `total`, in UTC, and each may stand once; what isn\'t `hard` only warns, and `[]` is no budget at all. An exact name wins over a glob, and of globs the first. A call that names no user has none of them. Projects and tokens have budgets of their own.',
  },
  webhookUrl: {
    env: "BUDGET_WEBHOOK_URL",
    yaml: "budgets.webhook_url",
    schema: url().optional(),
    help: "Where a POST goes when a budget passes one of the percentages that it warns at, or refuses calls; the audit is told in any case.",
  },
  webhookSecret: {
    env: "BUDGET_WEBHOOK_SECRET",
    yaml: "budgets.webhook_secret",
    schema: credential().optional(),
    secret: true,
    help: "Signs that POST: `x-weir-signature` is `sha256=` and the hexadecimal HMAC-SHA256 of the body under it.",
  },
} satisfies Settings;
