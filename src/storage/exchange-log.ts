import { type DatabaseConfig, openDatabase, type OpenOptions, type Storage } from "./database.ts";
import * as steps from "./exchange-migrations/index.ts";
import type { ExchangeTables } from "./exchange-tables.ts";
import { createMigration, type Migration, type MigrationOptions } from "./migrate.ts";
import type { SchemaChange } from "./schema-change.ts";

const everyChange: readonly SchemaChange[] = Object.values(steps);

/** The names of all steps of the exchange log that this program knows, in their order. */
export const everyExchangeStep: readonly string[] = everyChange.map(({ name }) => name);

/** Opens the exchange log and brings its schema up to date, unless it is only read; throws in words what the operator has to mend. */
export async function openExchangeLog(
  database: DatabaseConfig,
  onTrouble: (error: Error) => void,
  options: OpenOptions = {},
): Promise<Storage<ExchangeTables>> {
  const storage = await openDatabase<ExchangeTables>(database, onTrouble, { ...options, shrinks: true });
  try {
    if (!options.readOnly) await createExchangeMigration(storage).up();
    return storage;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** Changes the schema of the exchange log. */
export function createExchangeMigration<T>(
  storage: Pick<Storage<T>, "slowDb" | "driver">,
  { adopt = false }: Pick<MigrationOptions, "adopt"> = {},
): Migration {
  return createMigration(storage, {
    changes: everyChange,
    table: "exchange_log_changes",
    what: "The exchange log",
    file: "exchanges.db",
    wayOut:
      storage.driver === "sqlite" ? ", or move exchanges.db away, and a new log is begun" : ", or use another database",
    adopt,
  });
}
