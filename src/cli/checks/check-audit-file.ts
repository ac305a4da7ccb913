import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { ControlConfig } from "../../config/config.ts";
import type { Finding } from "./check.ts";
import { checkFile } from "./check-file.ts";

const name = "audit file";
const setting = "AUDIT_LOG_FILE";

/** Whether the audit's file can be written. */
export async function checkAuditFile({ file, createFolder, inDatabase }: ControlConfig["audit"]): Promise<Finding> {
  const folder = dirname(file);
  if (!createFolder && !existsSync(folder))
    return {
      name,
      state: "fail",
      message: `${folder} isn't there, and AUDIT_CREATE_DIR is false, which stops the start`,
      advice: `Make it, or set AUDIT_CREATE_DIR=true or ${setting}.`,
    };
  const { message, ...found } = await checkFile(name, file, setting);
  if (found.state === "ok") return { ...found, message };
  const then = inDatabase ? "the audit is kept in the database alone" : "nothing can be changed without it";
  return { ...found, message: `${message}; ${then}` };
}
