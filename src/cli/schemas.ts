import type { Config } from "../config/config.ts";
import type { DatabaseConfig, OpenOptions, Storage } from "../storage/database.ts";
import { createExchangeMigration, everyExchangeStep } from "../storage/exchange-log.ts";
import { createMigration, everyStep, type Migration, type MigrationOptions } from "../storage/migrate.ts";
import { forgetTypes } from "../storage/schema-change.ts";

/** Which of our schemas: what is managed, or the exchange log. */
export type SchemaName = "control" | "exchanges";

/** One of our schemas, and the database that has it or will. */
export type Schema = {
  readonly name: SchemaName;
  /** As people know it. */
  readonly label: string;
  /** As JSON has it. */
  readonly member: "control" | "exchangeLog";
  readonly database: DatabaseConfig;
  readonly openOptions: OpenOptions;
  /** All steps that this program knows. */
  readonly steps: readonly string[];
  readonly migrate: (storage: Storage, options?: Pick<MigrationOptions, "adopt">) => Migration;
  /** Whether there is something to lose. */
  readonly holdsAnything: (storage: Storage) => Promise<boolean>;
};

/** The schema of projects, tokens and the audit in this database. */
export function controlSchema(database: DatabaseConfig): Schema {
  return {
    name: "control",
    label: "control",
    member: "control",
    database,
    openOptions: {},
    steps: everyStep,
    migrate: createMigration,
    holdsAnything: (storage) => hasRows(storage, ["projects", "audit"]),
  };
}

/** The schema of the exchange log in this one. */
export function exchangeSchema(database: DatabaseConfig): Schema {
  return {
    name: "exchanges",
    label: "exchange log",
    member: "exchangeLog",
    database,
    openOptions: { shrinks: true },
    steps: everyExchangeStep,
    migrate: createExchangeMigration,
    holdsAnything: (storage) => hasRows(storage, ["exchanges", "usage_sums"]),
  };
}

/** Whether a gateway with these settings writes an exchange log. */
export function usesExchangeLog({ telemetry: { enabled, sinks } }: Pick<Config, "telemetry">): boolean {
  return enabled && sinks.some(({ name }) => name === "store");
}

async function hasRows({ db }: Storage, tables: readonly string[]): Promise<boolean> {
  for (const table of tables)
    if (await forgetTypes(db).selectFrom(table).selectAll().limit(1).executeTakeFirst()) return true;
  return false;
}
