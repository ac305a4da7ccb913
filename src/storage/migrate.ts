import { sql } from "kysely";
import { type MigrationResultSet, Migrator } from "kysely/migration";
import { postgresSchema, type Storage } from "./database.ts";
import * as registered from "./migrations/index.ts";
import type { SchemaChange } from "./schema-change.ts";

const everyChange: readonly SchemaChange[] = Object.values(registered).toSorted((one, other) =>
  one.name < other.name ? -1 : 1,
);

const table = "schema_changes";
const lockTable = "schema_lock";

/** Where a database's schema is. */
export type SchemaStatus = {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Steps of a newer program. */
  readonly unknown: readonly string[];
};

/** The schema can't be brought to where this program needs it; the message says what to do. */
export class SchemaFault extends Error {
  override readonly name = "SchemaFault";
}

/** Changes the schema, one process at a time. `changes` are all there are, in order. */
export type Migration = {
  readonly status: () => Promise<SchemaStatus>;
  /** Does what is pending; gives the names. Throws `SchemaFault`. */
  readonly up: () => Promise<readonly string[]>;
  /** Takes the last step back; gives its name. Throws `SchemaFault`. */
  readonly down: () => Promise<readonly string[]>;
};

/** Creates it; `adopt` lets the tables into a PostgreSQL database that holds those of another program. */
export function createMigration(
  { db, driver }: Pick<Storage, "db" | "driver">,
  {
    changes = everyChange,
    adopt = false,
  }: { readonly changes?: readonly SchemaChange[]; readonly adopt?: boolean } = {},
): Migration {
  const migrator = new Migrator({
    db,
    provider: {
      getMigrations: () => Promise.resolve(Object.fromEntries(changes.map((change) => [change.name, change]))),
    },
    migrationTableName: table,
    migrationLockTableName: lockTable,
    ...(driver === "postgres" ? { migrationTableSchema: postgresSchema } : {}),
  });

  return {
    status,
    async up() {
      const { applied, pending, unknown } = await status();
      const breaking = unknown.filter((name) => name.endsWith("!"));
      if (breaking.length > 0)
        throw new SchemaFault(
          `The database was changed by a newer version of Weir (${breaking.join(", ")}), and this one can't run on it. Start that version`,
        );
      if (unknown.length > 0 && pending.length > 0)
        throw new SchemaFault(
          `The database has steps that this version doesn't know (${unknown.join(", ")}) and lacks others (${pending.join(", ")}). Start the version that made it`,
        );
      if (pending.length === 0) return [];
      if (applied.length === 0 && !adopt) await refuseForeignTables();
      return readResult(await migrator.migrateToLatest());
    },
    async down() {
      const { unknown } = await status();
      if (unknown.length > 0)
        throw new SchemaFault(
          `The last step, ${unknown.at(-1)}, is of a newer version of Weir, which alone can take it back`,
        );
      return readResult(await migrator.migrateDown());
    },
  };

  async function status(): Promise<SchemaStatus> {
    const known = changes.map(({ name }) => name);
    const applied = await listApplied();
    return {
      applied,
      pending: known.filter((name) => !applied.includes(name)),
      unknown: applied.filter((name) => !known.includes(name)),
    };
  }

  async function listApplied(): Promise<readonly string[]> {
    if (!(await listTables()).some(({ name, own }) => own && name === table)) return [];
    const rows = await sql<{ name: string }>`select name from ${sql.table(
      driver === "postgres" ? `${postgresSchema}.${table}` : table,
    )} order by name`.execute(db);
    return rows.rows.map(({ name }) => name);
  }

  async function listTables(): Promise<readonly { readonly name: string; readonly own: boolean }[]> {
    const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
    return tables.map(({ name, schema }) => ({ name, own: driver === "sqlite" || schema === postgresSchema }));
  }

  async function refuseForeignTables(): Promise<void> {
    const ours = new Set([table, lockTable]);
    const foreign = (await listTables()).filter(({ name, own }) => !(own && ours.has(name)));
    if (foreign.length === 0) return;
    const names = foreign.slice(0, 3).map(({ name }) => name);
    throw new SchemaFault(
      driver === "sqlite"
        ? `DATABASE_PATH holds the tables of another program (${names.join(", ")}): choose another file`
        : `DATABASE_URL names a database that holds the tables of another program (${names.join(", ")}). Use a database of its own, or run "weir migrate up --adopt": Weir's tables lie in the schema ${postgresSchema}, and nothing else is touched`,
    );
  }
}

function readResult({ error, results = [] }: MigrationResultSet): readonly string[] {
  const failed = results.find(({ status }) => status === "Error");
  if (error !== undefined)
    throw new SchemaFault(
      `${failed ? `The step ${failed.migrationName}` : "Changing the schema"} failed, and nothing of it stays: ${error instanceof Error ? error.message : JSON.stringify(error)}`,
      { cause: error },
    );
  return results.filter(({ status }) => status === "Success").map(({ migrationName }) => migrationName);
}
