import { existsSync } from "node:fs";
import type { TelemetryConfig } from "../../config/config.ts";
import { isCorrupt } from "../../storage/exchange-aside.ts";
import { createExchangeMigration, openExchangeLog } from "../../storage/exchange-log.ts";
import { adviseOnDatabase, describeDatabase, explainDatabaseFault } from "../database-fault.ts";
import type { Finding } from "./check.ts";
import { checkFile } from "./check-file.ts";

/** Whether the exchange log can be opened; nothing of it changes. */
export async function checkExchangeLog(
  name: string,
  { database, keepsRows }: TelemetryConfig["exchangeLog"],
): Promise<Finding> {
  const gets = `gets ${keepsRows ? "exchanges and their sums" : "the sums of exchanges"}`;
  if (database.driver === "sqlite") {
    const file = await checkFile(name, database.path, "DATA_DIR");
    if (file.state === "fail") return file;
    if (!existsSync(database.path))
      return { name, state: "ok", message: `${database.path} is made with the first exchange, and ${gets}` };
  }
  try {
    await using storage = await openExchangeLog(database, () => {}, { readOnly: true });
    const pending = await createExchangeMigration(storage).check();
    const next = pending.length > 0 ? `; the next start does ${pending.join(", ")}` : "";
    return { name, state: "ok", message: `${describeDatabase(database)} can be reached, and ${gets}${next}` };
  } catch (error) {
    const { message, unreachable } = explainDatabaseFault(error, database);
    const advice = isCorrupt(error)
      ? "With the next exchange the gateway moves it aside, keeps it, and begins a new one."
      : adviseOnDatabase(error, database);
    return { name, state: "fail", message, advice, ...(unreachable ? { unreachable } : {}) };
  }
}
