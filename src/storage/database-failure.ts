import { SQLiteError } from "bun:sqlite";

/** What the drivers say in words alone: no code comes with it. */
const connectionWords =
  /^(?:timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client (?:was closed|has encountered)|Cannot use a (?:pool|closed database)|driver has already been destroyed)/;

/** PostgreSQL's classes of what it refuses for good: who asks, which database, which schema, which right. */
const refusedForGood = /^(?:28|3D|3F|42)/;

/** What is about the data that we sent: PostgreSQL's classes (https://www.postgresql.org/docs/current/errcodes-appendix.html), and SQLite's codes. */
const ofData = /^(?:2[23]|54|SQLITE_(?:TOOBIG|CONSTRAINT|MISMATCH))/;

/** Whether a failed server may come to answer by itself; what it refuses for good, or a file that isn't there, is the operator's to mend. */
export function mayDatabaseRecover(error: unknown): boolean {
  if (!(error instanceof Error) || !isDatabaseFailure(error)) return false;
  if ("severity" in error) return !("code" in error && refusedForGood.test(String(error.code)));
  // A certificate that its URL names, for instance.
  return !("syscall" in error && error.syscall === "open");
}

/** Whether an error says that the database, or the file of the audit, can't be used now; anything else is a fault of ours. */
export function isDatabaseFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof SQLiteError) return true;
  const code = "code" in error ? String(error.code) : undefined;
  if ("severity" in error && code !== undefined) return !ofData.test(code);
  // The system's: no connection, no file, no room.
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return true;
  return connectionWords.test(error.message);
}

/** Whether a database refuses what it was given, and would take other data: the same again fails again. */
export function isDataRefused(error: unknown): boolean {
  const isOfDatabase = error instanceof SQLiteError || (error instanceof Error && "severity" in error);
  return isOfDatabase && "code" in error && ofData.test(String(error.code));
}
