import { statSync } from "node:fs";
import { codeOf } from "./checks/check.ts";

/** Says which setting names a file or a folder that can't be written to, why, and what to do. */
export function describeFileFault(setting: string, path: string, error: unknown): string {
  const code = codeOf(error);
  return `${setting} ${path} can't be written to: ${explainFileFault(code)}. ${adviseOnFile(setting, path, code)}`;
}

/** The system's code in words. */
export function explainFileFault(code: string): string {
  const words = {
    EACCES: `user ${findUser()} may not`,
    EPERM: `user ${findUser()} may not`,
    EROFS: "the file system is read-only",
    EISDIR: "it is a folder",
    EEXIST: "what should be a folder is a file",
    ENOTDIR: "what should be a folder is a file",
    ENOSPC: "no room is left on the device",
    ENOENT: "the system makes nothing there",
  }[code];
  return words === undefined ? code : `${words} (${code})`;
}

/** What can be done about it. */
export function adviseOnFile(setting: string, path: string, code: string): string {
  const other = `Set ${setting} to another place`;
  if (!/^(?:EACCES|EPERM)$/.test(code)) return `${other}.`;
  return `${other}, or run "${isOwn(path) ? `chmod -R u+rwX ${path}` : `chown -R ${findUser()} ${path}`}".`;
}

/** Whether this user may mend its rights. */
function isOwn(path: string): boolean {
  try {
    return statSync(path).uid === process.getuid?.();
  } catch {
    return false;
  }
}

function findUser(): string {
  return String(process.getuid?.() ?? "this user");
}
