import type { AuditEvent } from "../domain/audit.ts";
import type { Budget } from "../domain/budget.ts";
import type { LimitFigures } from "../domain/limits.ts";
import type { Policy } from "../domain/policy.ts";
import type { Metadata, ProjectSettings } from "../domain/project.ts";
import type { Stored } from "./stored-json.ts";

/** The tables, the same in SQLite and PostgreSQL: times are milliseconds since the epoch, truth is 0 or 1, objects are JSON text. */
export type Tables = {
  readonly projects: ProjectRow;
  readonly provider_keys: ProviderKeyRow;
  readonly tokens: TokenRow;
  readonly state: StateRow;
  readonly secrets: SecretRow;
  readonly audit: AuditRow;
  readonly budget_spend: BudgetSpendRow;
  readonly budget_leases: BudgetLeaseRow;
  readonly budget_notices: BudgetNoticeRow;
};

export type ProjectRow = {
  readonly id: string;
  readonly name: string;
  readonly is_active: number;
  readonly deactivated_at: number | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly metadata: Stored<Metadata>;
  readonly policy: Stored<Policy>;
  readonly settings: Stored<ProjectSettings>;
  readonly limits: Stored<LimitFigures> | null;
  readonly budgets: Stored<readonly Budget[]> | null;
  /** The number of the last change to it or its keys. */
  readonly epoch: number;
};

export type ProviderKeyRow = {
  readonly project_id: string;
  readonly provider: string;
  readonly sealed: string;
  /** What may be shown of it. */
  readonly shown: string;
};

export type TokenRow = {
  readonly id: string;
  readonly project_id: string;
  /** Hexadecimal HMAC-SHA-256, under the pepper, of the SHA-256 of its text. */
  readonly hash: string;
  readonly shown: string;
  readonly name: string | null;
  readonly expires_at: number | null;
  readonly max_requests: number | null;
  readonly is_active: number;
  readonly deactivated_at: number | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly last_used_at: number | null;
  readonly request_count: number;
  readonly cache_hit_count: number;
  readonly user_id: string | null;
  readonly allowed_models: Stored<readonly string[]> | null;
  readonly metadata: Stored<Metadata>;
  readonly limits: Stored<LimitFigures> | null;
  readonly budgets: Stored<readonly Budget[]> | null;
  readonly epoch: number;
};

/** One row. Changes take it first, so they come one after the other, in all processes. */
export type StateRow = {
  readonly one: number;
  /** The number of the last change to projects and tokens. */
  readonly epoch: number;
  readonly audit_seq: number;
  readonly audit_hash: string;
};

/** Secrets of the database itself, such as the pepper of its tokens. */
export type SecretRow = { readonly name: string; readonly sealed: string };

export type AuditRow = {
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly action: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly actor: string;
  readonly origin: string;
  readonly project_id: string | null;
  readonly token_id: string | null;
  readonly request_id: string | null;
  readonly client_address: string | null;
  readonly method: string | null;
  readonly path: string | null;
  readonly user_agent: string | null;
  /** JSON of what was different before and after. */
  readonly changes: Stored<Pick<AuditEvent, "before" | "after">> | null;
  readonly previous: string;
  readonly hash: string;
};

/** What was spent of a budget in one period. Money is nano-dollars. */
export type BudgetSpendRow = {
  readonly scope: string;
  readonly id: string;
  readonly period: string;
  /** The period's beginning; 0 of what never begins anew. */
  readonly starts: number;
  readonly spent_nano: number;
  /** The highest threshold that was told. */
  readonly told_nano: number;
  /** The amount of which it was told that calls are refused; 0 before. */
  readonly refused_nano: number;
};

/** What a process holds of a budget's period: nobody else spends it, as long as the process says that it lives. */
export type BudgetLeaseRow = {
  readonly holder: string;
  readonly turn: number;
  readonly scope: string;
  readonly id: string;
  readonly period: string;
  readonly starts: number;
  readonly amount_nano: number;
  /** What of this turn's spending is in the period's sum. */
  readonly settled_nano: number;
  readonly seen_at: number;
};

/** What a webhook has still to be told. */
export type BudgetNoticeRow = {
  readonly id: string;
  readonly body: string;
  readonly created_at: number;
  readonly tries: number;
  /** When it is sent again; while it is being sent, when somebody else may. */
  readonly next_at: number;
};
