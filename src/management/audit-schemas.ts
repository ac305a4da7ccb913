import { z } from "@hono/zod-openapi";
import type { AuditEntry } from "../domain/audit.ts";
import { timeAnswer, writeTime } from "./fields.ts";
import { nextCursor } from "./list-answer.ts";

const text = z.string().nullable();
const state = z.record(z.string(), z.unknown()).readonly().nullable();

/** An entry of the audit as it is answered. */
export const auditEntrySchema = z
  .object({
    id: z.string().openapi({ format: "uuid" }),
    seq: z.int().openapi({ description: "Its place in the chain, from 1, without gaps." }),
    timestamp: timeAnswer,
    action: z.string().openapi({ example: "token.create" }),
    outcome: z.string().openapi({ description: "`success`, `failure`, `denied` or `error`.", example: "success" }),
    reason: text,
    actor: z.string().openapi({ example: "management_token" }),
    origin: z.string().openapi({ description: "`api`, `cli`, `admin-ui`, `system` or `proxy`.", example: "api" }),
    project_id: text,
    token_id: text,
    request_id: text,
    client_ip: text,
    method: text,
    path: text,
    user_agent: text,
    before: state.openapi({ description: "What was different before, secrets masked." }),
    after: state.openapi({ description: "What was different after it." }),
    previous_hash: z.string().openapi({ description: "The `hash` of the entry before it." }),
    hash: z.string().openapi({ description: "The SHA-256 of the entry and its predecessor's hash." }),
  })
  .openapi("AuditEntry");

/** A page of the audit. */
export const auditListSchema = z
  .object({ audit: z.array(auditEntrySchema), next_cursor: nextCursor })
  .openapi("AuditList");

/** What looking through the chain found. */
export const auditCheckSchema = z
  .object({
    ok: z.boolean(),
    checked: z.int().openapi({ description: "How many entries are as they were written." }),
    broken_at: z.int().optional().openapi({ description: "The place of the first that isn't." }),
  })
  .openapi("AuditCheck", { example: { ok: true, checked: 1234 } });

/** An entry as it is answered. */
export function writeEntry(entry: AuditEntry): z.output<typeof auditEntrySchema> {
  const { actor } = entry;
  return {
    id: entry.id,
    seq: entry.seq,
    timestamp: writeTime(entry.at),
    action: entry.action,
    outcome: entry.outcome,
    reason: entry.reason ?? null,
    actor: actor.name,
    origin: actor.origin,
    project_id: entry.projectId ?? null,
    token_id: entry.tokenId ?? null,
    request_id: actor.requestId ?? null,
    client_ip: actor.clientAddress ?? null,
    method: actor.method ?? null,
    path: actor.path ?? null,
    user_agent: actor.userAgent ?? null,
    before: entry.before ?? null,
    after: entry.after ?? null,
    previous_hash: entry.previous,
    hash: entry.hash,
  };
}
