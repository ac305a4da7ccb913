import type { z } from "@hono/zod-openapi";
import { type Budget, findPeriod, usualWarnAt } from "../domain/budget.ts";
import type { LimitFigures } from "../domain/limits.ts";
import { readUsd, writeUsd } from "../lib/nano-usd.ts";
import type { Spent } from "../storage/spent.ts";
import type { budgetsAnswer, budgetsField, limitsAnswer, limitsField } from "./bound-schemas.ts";
import { writeTime } from "./fields.ts";
import { readMembers } from "./read-members.ts";

/** Reads limits; those that were sent as null are there as `undefined`. */
export function readLimits(sent: z.output<typeof limitsField>): LimitFigures | null | undefined {
  return (
    sent &&
    readMembers({
      requestsPerMinute: sent.requests_per_minute,
      tokensPerMinute: sent.tokens_per_minute,
      requestsPerDay: sent.requests_per_day,
      tokensPerDay: sent.tokens_per_day,
      concurrent: sent.concurrent,
    })
  );
}

/** Reads budgets. */
export function readBudgets(sent: z.output<typeof budgetsField>): readonly Budget[] | null | undefined {
  if (!sent) return sent;
  return sent.map(({ amount_usd: amountUsd, period, hard = true, warn_at: warnAt = usualWarnAt }) => ({
    amountUsd,
    period,
    hard,
    warnAt,
  }));
}

/** What bounds a project or a token, as it is answered. */
export function writeBounds(
  { limits = {}, budgets = [] }: { readonly limits?: LimitFigures; readonly budgets?: readonly Budget[] },
  spent: Spent,
  now: number,
): { limits: z.output<typeof limitsAnswer>; budget: z.output<typeof budgetsAnswer> } {
  return {
    limits: {
      requests_per_minute: limits.requestsPerMinute ?? null,
      tokens_per_minute: limits.tokensPerMinute ?? null,
      requests_per_day: limits.requestsPerDay ?? null,
      tokens_per_day: limits.tokensPerDay ?? null,
      concurrent: limits.concurrent ?? null,
    },
    budget: budgets.map(({ amountUsd, period, hard, warnAt }) => ({
      amount_usd: amountUsd,
      period,
      hard,
      warn_at: warnAt,
      spent_usd: writeUsd(String(spent[period])),
      remaining_usd: writeUsd(String(Math.max(0, (readUsd(amountUsd) ?? 0) - spent[period]))),
      renews_at: writeTime(findPeriod(period, now).renews),
    })),
  };
}
