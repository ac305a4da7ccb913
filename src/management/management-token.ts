import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  const made = existsSync(path) ? undefined : makeToken(path);
  if (made !== undefined) return { token: made, path, made: true };
  const token = readFileSync(path, "utf8").trim();
  if (token.length < 16) throw new Error(`${path} holds no management token. Remove it, and the next start makes one`);
  return { token, path };
}

/** Makes the file with a token in it at once, since another process may read it at any moment; `undefined` where that was first. */
function makeToken(path: string): string | undefined {
  const token = `weir-management-${randomBytes(32).toString("base64url")}`;
  const draft = `${path}.${randomBytes(8).toString("hex")}`;
  writeFileSync(draft, `${token}\n`, { mode: 0o600, flag: "wx" });
  try {
    try {
      linkSync(draft, path);
    } catch (error) {
      if (isTaken(error)) throw error;
      // Not every file system has links.
      writeFileSync(path, `${token}\n`, { mode: 0o600, flag: "wx" });
    }
    return token;
  } catch (error) {
    if (isTaken(error)) return undefined;
    throw error;
  } finally {
    rmSync(draft);
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}
