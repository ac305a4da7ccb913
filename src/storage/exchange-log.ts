import { type DatabaseConfig, openDatabase, type OpenOptions, type Storage } from "./database.ts";
import * as steps from "./exchange-migrations/index.ts";
import type { ExchangeTables } from "./exchange-tables.ts";
import { createMigration, type Migration } from "./migrate.ts";

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
export function createExchangeMigration(storage: Pick<Storage<ExchangeTables>, "slowDb" | "driver">): Migration {
  return createMigration(storage, {
    changes: Object.values(steps),
    table: "exchange_log_changes",
    file: "exchanges.db",
  });
}
