import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** What opens the management, and where it is kept where the operator has set none. */
export type ManagementToken = {
  readonly token: string;
  readonly path?: string;
  /** It was made just now, so nobody has seen it. */
  readonly made?: boolean;
};

/** Opens the operator's own credential; the first start makes one, for the eyes of the file's owner alone. Throws where it can't be kept. */
export function openManagementToken(path: string, configured: string | undefined): ManagementToken {
  if (configured !== undefined) return { token: configured };
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const made = `weir-management-${randomBytes(32).toString("base64url")}`;
  try {
    writeFileSync(path, `${made}\n`, { mode: 0o600, flag: "wx" });
    return { token: made, path, made: true };
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "EEXIST") throw error;
  }
  const token = readFileSync(path, "utf8").trim();
  if (token.length < 16) throw new Error(`${path} holds no management token. Remove it, and the next start makes one`);
  return { token, path };
}
