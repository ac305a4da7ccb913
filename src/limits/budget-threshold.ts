import type { AuditEvent } from "../domain/audit.ts";
import type { SpendKey } from "../domain/spend.ts";
import { writeUsd } from "../lib/nano-usd.ts";

/** A share of a budget is spent; it is told once in a period, by one of all processes. */
export type BudgetThreshold = SpendKey & {
  /** Milliseconds since the epoch; absent where it never renews. */
  readonly renews?: number;
  readonly percent: number;
  readonly amountUsd: string;
  /** In the whole period. */
  readonly spentNanoUsd: string;
  readonly at: number;
};

/** A threshold as the webhook and the audit are told of it. */
export function describeThreshold({ starts, renews, percent, at, ...event }: BudgetThreshold) {
  return {
    scope: event.scope,
    id: event.id,
    period: event.period,
    amount_usd: event.amountUsd,
    warn_at: percent,
    spent_usd: writeUsd(event.spentNanoUsd),
    starts_at: event.period === "total" ? null : new Date(starts).toISOString(),
    renews_at: renews === undefined ? null : new Date(renews).toISOString(),
    at: new Date(at).toISOString(),
  };
}

/** A threshold as an event of the audit. */
export function auditThreshold(event: BudgetThreshold): AuditEvent {
  return {
    action: "budget.warning",
    outcome: "success",
    ...(event.scope === "project" ? { projectId: event.id } : {}),
    ...(event.scope === "token" ? { tokenId: event.id } : {}),
    after: describeThreshold(event),
  };
}
