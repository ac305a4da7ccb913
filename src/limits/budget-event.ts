import { hash } from "node:crypto";
import type { AuditEvent } from "../domain/audit.ts";
import type { BudgetNotice } from "../domain/budget-notice.ts";
import type { SpendKey } from "../domain/spend.ts";
import { writeUsd } from "../lib/nano-usd.ts";

/** Something that an operator wants to know of a budget; each is told once in a period, by one of all processes. */
export type BudgetEvent = SpendKey & {
  /** Milliseconds since the epoch; absent where it never renews. */
  readonly renews?: number;
  readonly amountUsd: string;
  /** In the whole period. */
  readonly spentNanoUsd: string;
  readonly at: number;
  /** A share of it is spent, or it refuses calls because what is left is too little. */
  readonly what: { readonly kind: "warning"; readonly percent: number } | { readonly kind: "exhausted" };
};

/** An event as an event of the audit. */
export function auditBudgetEvent(event: BudgetEvent): AuditEvent {
  const { scope, id, what } = event;
  return {
    action: `budget.${what.kind}`,
    outcome: what.kind === "exhausted" ? "denied" : "success",
    ...(scope === "project" ? { projectId: id } : {}),
    ...(scope === "token" ? { tokenId: id } : {}),
    after: describe(event),
  };
}

/** An event as the webhook is told of it; its id is the same whoever tells it. */
export function createBudgetNotice(event: BudgetEvent): BudgetNotice {
  const { scope, id: about, period, starts, amountUsd, what } = event;
  const which = what.kind === "warning" ? what.percent : what.kind;
  const id = hash("sha256", JSON.stringify([scope, about, period, starts, which, amountUsd]), "hex").slice(0, 32);
  return { id, body: JSON.stringify({ type: `budget.${what.kind}`, event_id: id, ...describe(event) }) };
}

function describe({ starts, renews, what, at, ...event }: BudgetEvent) {
  return {
    scope: event.scope,
    id: event.id,
    period: event.period,
    amount_usd: event.amountUsd,
    ...(what.kind === "warning" ? { warn_at: what.percent } : {}),
    spent_usd: writeUsd(event.spentNanoUsd),
    starts_at: event.period === "total" ? null : new Date(starts).toISOString(),
    renews_at: renews === undefined ? null : new Date(renews).toISOString(),
    at: new Date(at).toISOString(),
  };
}
