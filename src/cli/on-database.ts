import { existsSync } from "node:fs";
import type { ControlConfig } from "../config/config.ts";
import { type DatabaseConfig, openDatabase, type OpenOptions, type Storage } from "../storage/database.ts";
import { complain } from "./command.ts";
import { explainDatabaseFault } from "./database-fault.ts";
import { loadConfig } from "./load-config.ts";
import { accept, type Options, readFlags } from "./serve.ts";

/** Reads what the settings say of the database, or ends the program with what is wrong with them. */
export async function loadControl(files: Options): Promise<ControlConfig> {
  const { control } = accept(await loadConfig({ flags: readFlags(files), serves: false }));
  return control;
}

/** Whether there is something to open: an SQLite file is made by whoever opens it to write. */
export function isThere(config: DatabaseConfig): boolean {
  return config.driver === "postgres" || existsSync(config.path);
}

/** Does something with a database, or ends the program with what keeps it from that: 3 where it can't be reached, else 1. */
export async function onDatabase<T>(
  config: DatabaseConfig,
  work: (storage: Storage) => Promise<T>,
  options: OpenOptions = {},
): Promise<T> {
  try {
    await using storage = await openDatabase(config, () => {}, options);
    return await work(storage);
  } catch (error) {
    const { message, unreachable } = explainDatabaseFault(error, config);
    complain([message]);
    process.exit(unreachable ? 3 : 1);
  }
}

/** Ends the program with a mistake in its options or settings. */
export function refuse(fault: string): never {
  complain([fault]);
  process.exit(2);
}

/** Ends the program with something that could not be done. */
export function fail(fault: string): never {
  complain([fault]);
  process.exit(1);
}
