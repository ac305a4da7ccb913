import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

/** Which file's folder, and whether it is made where it is missing. */
export type AuditFolderParts = { readonly path: string; readonly createFolder: boolean };

/** Sees to the folder of the audit's file, which is for its owner alone; throws in words where it is missing and not ours to make. */
export function prepareAuditFolder({ path, createFolder }: AuditFolderParts): void {
  const folder = dirname(path);
  if (existsSync(folder)) return;
  if (!createFolder)
    throw new Error(
      `AUDIT_LOG_FILE lies in ${folder}, which isn't there, and AUDIT_CREATE_DIR is false: make it, or set AUDIT_CREATE_DIR=true`,
    );
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}
