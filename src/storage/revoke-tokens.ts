import type { Transaction } from "kysely";
import type { Tables } from "./tables.ts";

/** Revokes every active token of a project, within a change; returns how many those were. `at` in milliseconds since the epoch. */
export async function revokeTokens(
  trx: Transaction<Tables>,
  { projectId, epoch, at }: { readonly projectId: string; readonly epoch: number; readonly at: number },
): Promise<number> {
  const { numUpdatedRows } = await trx
    .updateTable("tokens")
    .set({ is_active: 0, deactivated_at: at, updated_at: at, epoch })
    .where("project_id", "=", projectId)
    .where("is_active", "=", 1)
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}
