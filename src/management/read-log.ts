import type { Actor, AuditAction, AuditEvent } from "../domain/audit.ts";
import type { Changes } from "../storage/change.ts";
import type { AuditReads } from "./parts.ts";

/** Writes to the audit that something was read, where its operator wants that; throws where it can't be written. */
export type ReadLog = (
  actor: Actor,
  action: ReadAction,
  about?: Pick<AuditEvent, "projectId" | "tokenId">,
) => Promise<void>;

/** What can be read. */
export type ReadAction = Extract<AuditAction, `${string}.read` | `${string}.list` | "audit.verify">;

/** Creates it. */
export function createReadLog({
  changes,
  auditReads,
}: {
  readonly changes: Pick<Changes, "note">;
  readonly auditReads: AuditReads;
}): ReadLog {
  return async (actor, action, about = {}) => {
    const isSensitive = action !== "project.list" && action !== "token.list";
    if (auditReads === "off" || (auditReads === "sensitive" && !isSensitive)) return;
    await changes.note(actor, [{ action, outcome: "success", ...about }]);
  };
}
