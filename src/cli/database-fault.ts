import type { DatabaseConfig } from "../storage/database.ts";
import { isDatabaseFailure } from "../storage/database-failure.ts";

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
  if (code === undefined && !unreachable && !noTls.test(error.message))
    return { message: hideSecrets(error.message, config), unreachable };
  // Where a name has several addresses, the system says it of none.
  const why = error.message === "" ? code : hideSecrets(error.message, config);
  const what = unreachable ? "can't be reached" : "can't be used";
  return { message: `${describeDatabase(config)} ${what}: ${why}`, unreachable };
}

/** Whether an error is one of a database, or of the way to it. */
export function isDatabaseFault(error: Error): boolean {
  return isDatabaseFailure(error) || noTls.test(error.message) || isOfCertificate(error);
}

/** What can be done about it. */
export function adviseOnDatabase(error: unknown, config: DatabaseConfig): string {
  if (config.driver === "sqlite") return "Set DATABASE_PATH to another file, or put the right one there.";
  const url = readUrl(config.url);
  const mode = url?.searchParams.get("sslmode") ?? undefined;
  if (mode !== undefined && !tlsModes.includes(mode))
    return `sslmode in DATABASE_URL must be one of ${tlsModes.join(", ")}, not "${mode}".`;
  const { code = "", message = "" } = readError(error);
  if (noTls.test(message))
    return `${mode === undefined ? "TLS is asked for" : `sslmode=${mode} asks for TLS`} in DATABASE_URL: leave it out there, or switch TLS on at the server.`;
  if (error instanceof Error && "syscall" in error && error.syscall === "open")
    return "A file that DATABASE_URL names (sslrootcert, sslcert, sslkey) can't be read.";
  if (code === "3D000") return "Make the database, or correct its name in DATABASE_URL.";
  if (code.startsWith("28"))
    return "Correct the user and the password in DATABASE_URL, or let them in at the server (pg_hba.conf).";
  if (code === "42501") return adviseOnRight(message, url?.username ?? "");
  if (isOfCertificate({ code }))
    return "Name the authority of its certificate in DATABASE_URL (sslrootcert), or correct the host there.";
  return "Check DATABASE_URL, and that the server lets this machine in.";
}

/** PostgreSQL says in its message alone what the right is to. */
function adviseOnRight(message: string, username: string): string {
  const user = /^[a-z_][a-z0-9_]*$/.test(username) ? username : "…";
  const [, schema] = /\bschema "?(\w+)/.exec(message) ?? [];
  if (schema !== undefined)
    return `Give the schema to the user of DATABASE_URL: alter schema ${schema} owner to ${user}`;
  if (/\b(?:table|sequence|relation|view|type)\b/.test(message))
    return `Weir's tables must belong to the user of DATABASE_URL. For each in the schema weir: alter table … owner to ${user}`;
  return `Give the user of DATABASE_URL the right to make a schema, or make it for him: create schema weir authorization ${user}`;
}

/** Those that the driver knows (https://www.postgresql.org/docs/current/libpq-ssl.html). */
const tlsModes = ["disable", "prefer", "require", "verify-ca", "verify-full", "no-verify"];
const noTls = /^The server does not support SSL/;

function isOfCertificate(error: object): boolean {
  return "code" in error && /CERT|SIGNATURE|SIGNED/.test(String(error.code));
}

function readError(error: unknown): { readonly code?: string; readonly message?: string } {
  if (!(error instanceof Error)) return {};
  return { message: error.message, ...("code" in error ? { code: String(error.code) } : {}) };
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
