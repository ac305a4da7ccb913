import type { Kysely } from "kysely";

/** A database whose tables are being changed. */
export type ChangingDatabase = Kysely<Record<string, Record<string, unknown>>>;

/** A database without what its types know of its tables. */
export function forgetTypes(db: Pick<ChangingDatabase, "schema">): ChangingDatabase {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return db as unknown as ChangingDatabase;
}

/**
 * One step of the schema. The release before it must run on what it leaves behind, since replicas are renewed one after the
 * other: a step adds, and what nothing uses any more goes in a later release.
 */
export type SchemaChange = {
  /** A number and a word: `0004-budgets`. With `!` at its end, programs that don't know it can't run on its schema. */
  readonly name: string;
  readonly up: (db: ChangingDatabase) => Promise<void>;
  readonly down: (db: ChangingDatabase) => Promise<void>;
};
