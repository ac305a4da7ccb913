import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** The name that a full file is moved to, for good: by the number of its first entry, so that names sort as the entries do. */
export function auditPartName(path: string, first: number): string {
  return `${path}.${String(first).padStart(10, "0")}`;
}

/** The files that were full, the oldest first. */
export function listAuditParts(path: string): readonly string[] {
  const start = `${basename(path)}.`;
  const isPart = (name: string) => name.startsWith(start) && /^\d{10,}$/.test(name.slice(start.length));
  return list(dirname(path))
    .filter(isPart)
    .toSorted((one, other) => Number(one.slice(start.length)) - Number(other.slice(start.length)))
    .map((name) => join(dirname(path), name));
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
