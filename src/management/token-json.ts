import type { z } from "@hono/zod-openapi";
import type { NewToken, Token, TokenChange } from "../domain/token.ts";
import type { Spent } from "../storage/spent.ts";
import { readBudgets, readLimits, writeBounds } from "./bound-json.ts";
import { readExpiry } from "./expiry.ts";
import { bodyFault, ManagementFault } from "./fault.ts";
import { readId, writeTime } from "./fields.ts";
import type { newTokenSchema, tokenChangeSchema, tokenSchema } from "./token-schemas.ts";

/** Reads a token to be; throws a `ManagementFault`. */
export function readNewToken(body: z.output<typeof newTokenSchema>, now: number): NewToken {
  const expiresAt = readExpiry(body, now);
  if (expiresAt === undefined)
    throw bodyFault(
      "project_id and duration_minutes are required; duration, expires_at or never_expires: true may stand in for duration_minutes",
    );
  if (expiresAt !== null && expiresAt <= now) throw bodyFault("expires_at must be in the future");
  const projectId = readId(body.project_id);
  if (projectId === undefined) throw new ManagementFault("project_not_found");
  return {
    projectId,
    name: body.name ?? undefined,
    expiresAt: expiresAt ?? undefined,
    maxRequests: readMaxRequests(body.max_requests) ?? undefined,
    isActive: body.is_active,
    userId: body.user_id ?? undefined,
    allowedModels: body.allowed_models ?? undefined,
    metadata: body.metadata,
    limits: readLimits(body.limits) ?? undefined,
    budgets: readBudgets(body.budget) ?? undefined,
  };
}

/** Reads what is to become of a token; throws a `ManagementFault`. */
export function readTokenChange(body: z.output<typeof tokenChangeSchema>, now: number): TokenChange {
  if (Object.values(body).every((value) => value === undefined)) throw new ManagementFault("no_fields");
  return {
    name: body.name,
    expiresAt: readExpiry(body, now),
    maxRequests: readMaxRequests(body.max_requests),
    isActive: body.is_active,
    userId: body.user_id,
    allowedModels: body.allowed_models,
    metadata: body.metadata,
    limits: readLimits(body.limits),
    budgets: readBudgets(body.budget),
  };
}

function readMaxRequests(sent: number | null | undefined): number | null | undefined {
  return sent === 0 ? null : sent;
}

/** A token as it is answered, with what it has spent; `text` is the whole of it, for who made it just now. */
export function writeToken(
  token: Token,
  { spent, now, text = token.shown }: { readonly spent: Spent; readonly now: number; readonly text?: string },
): z.output<typeof tokenSchema> {
  return {
    id: token.id,
    project_id: token.projectId,
    name: token.name ?? null,
    token: text,
    expires_at: writeTime(token.expiresAt),
    max_requests: token.maxRequests ?? null,
    is_active: token.isActive,
    deactivated_at: writeTime(token.deactivatedAt),
    created_at: writeTime(token.createdAt),
    updated_at: writeTime(token.updatedAt),
    last_used_at: writeTime(token.lastUsedAt),
    request_count: token.requestCount,
    cache_hit_count: token.cacheHitCount,
    user_id: token.userId ?? null,
    allowed_models: token.allowedModels ?? null,
    metadata: token.metadata,
    ...writeBounds(token, spent, now),
  };
}
