import type { DatabaseConfig } from "../storage/database.ts";

/** What is wrong with a database, in words that hold no secret of its URL. */
export type DatabaseFault = { readonly message: string; readonly unreachable: boolean };

/** How a database is called where anybody may read it. */
export function describeDatabase(config: DatabaseConfig): string {
  if (config.driver === "sqlite") return config.path;
  const url = readUrl(config.url);
  return url ? `postgres://${url.host}${url.pathname}` : "The PostgreSQL database";
}

/** Explains what a database answered, or why it didn't. */
export function explainDatabaseFault(error: unknown, config: DatabaseConfig): DatabaseFault {
  if (!(error instanceof Error)) return { message: String(error), unreachable: false };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const unreachable = isUnreachable(code, error.message);
  if (code === undefined && !unreachable) return { message: hideSecrets(error.message, config), unreachable };
  // Where a name has several addresses, the system says it of none.
  const why = error.message === "" ? code : hideSecrets(error.message, config);
  const what = unreachable ? "can't be reached" : "can't be used";
  return { message: `${describeDatabase(config)} ${what}: ${why}`, unreachable };
}

/** By the system's codes, PostgreSQL's classes 08 (connection) and 57P (shutting down, starting), and the driver's words. */
function isUnreachable(code: string | undefined, message: string): boolean {
  if (code !== undefined)
    return /^(?:ECONN(?:REFUSED|RESET|ABORTED)|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|E(?:HOST|NET)UNREACH|EPIPE|08...|57P..)$/.test(
      code,
    );
  return /^(?:timeout exceeded when trying to connect|Connection terminated|The database did not answer)/.test(message);
}

function hideSecrets(message: string, config: DatabaseConfig): string {
  if (config.driver === "sqlite") return message;
  return listSecrets(config.url).reduce((text, secret) => text.replaceAll(secret, "***"), message);
}

/** The longest first: one may be a part of another. */
function listSecrets(text: string): readonly string[] {
  const url = readUrl(text);
  const written = url ? [url.password, ...url.searchParams.values()] : [];
  const secrets = [text, ...written, ...written.map(decode)].filter((secret) => secret !== "");
  return secrets.toSorted((one, other) => other.length - one.length);
}

function readUrl(text: string): URL | undefined {
  return URL.parse(text) ?? undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
