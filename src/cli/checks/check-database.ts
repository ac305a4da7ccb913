import { existsSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { createVault } from "../../lib/seal.ts";
import { openDatabase, type Storage } from "../../storage/database.ts";
import { createMigration, SchemaFault } from "../../storage/migrate.ts";
import { readEncryption } from "../../storage/reseal.ts";
import { adviseOnDatabase, describeDatabase, explainDatabaseFault } from "../database-fault.ts";
import { formatNumberOf } from "../format.ts";
import type { Finding } from "./check.ts";
import { checkFile } from "./check-file.ts";
import { checkTokens } from "./check-tokens.ts";

const name = "database";

/** Whether the database can be reached, has a schema to start with, and is opened by `ENCRYPTION_KEY`, and what its tokens go around; nothing of it changes. */
export async function checkDatabase(
  config: Pick<Config, "control" | "budgets" | "gateway">,
): Promise<readonly Finding[]> {
  const { database, encryptionKeys } = config.control;
  if (database.driver === "sqlite") {
    const file = await checkFile(name, database.path, "DATABASE_PATH");
    if (file.state === "fail") return [file];
    if (!existsSync(database.path))
      return [{ name, state: "ok", message: `${database.path} is made on the first start` }];
  }
  try {
    await using storage = await openDatabase(database, () => {}, { readOnly: true });
    const { schema, isCurrent } = await checkSchema(storage, describeDatabase(database));
    if (!isCurrent) return [schema];
    return [schema, await checkEncryption(storage, encryptionKeys), ...(await checkTokens(storage, config))];
  } catch (error) {
    const { message, unreachable } = explainDatabaseFault(error, database);
    const advice = adviseOnDatabase(error, database);
    return [{ name, state: "fail", message, advice, ...(unreachable ? { unreachable } : {}) }];
  }
}

async function checkSchema(storage: Storage, place: string): Promise<{ schema: Finding; isCurrent: boolean }> {
  try {
    const pending = await createMigration(storage).check();
    const { applied, unknown } = await createMigration(storage).status();
    const newer = unknown.length > 0 ? "; a newer version has changed it, in ways that leave this one running" : "";
    const message =
      pending.length > 0
        ? `${place} can be reached; the next start does ${pending.join(", ")}`
        : `${place} can be reached, at ${applied.at(-1)}${newer}`;
    return { schema: { name, state: "ok", message }, isCurrent: pending.length === 0 };
  } catch (error) {
    if (!(error instanceof SchemaFault)) throw error;
    return { schema: { name, state: "fail", message: error.message }, isCurrent: false };
  }
}

async function checkEncryption(storage: Storage, keys: readonly Uint8Array[]): Promise<Finding> {
  const about = "encryption";
  try {
    const { keyId, plain, unreadable } = await readEncryption(storage, createVault(keys));
    if (unreadable.length > 0)
      return {
        name: about,
        state: "fail",
        message: `${formatNumberOf(unreadable.length, "provider key")} can't be opened with ENCRYPTION_KEY`,
        advice: 'Set the key that they were sealed with, too; "weir migrate encrypt-status" names their projects.',
      };
    if (keyId === undefined)
      return {
        name: about,
        state: "warn",
        message: "without ENCRYPTION_KEY, provider keys are kept in plain text",
        advice: 'Set it, start the servers anew, and run "weir migrate encrypt".',
      };
    if (plain > 0)
      return {
        name: about,
        state: "warn",
        message: `${formatNumberOf(plain, "secret")} still in plain text`,
        advice: 'Run "weir migrate encrypt".',
      };
    return { name: about, state: "ok", message: `ENCRYPTION_KEY (${keyId}) opens the database` };
  } catch (error) {
    return { name: about, state: "fail", message: error instanceof Error ? error.message : String(error) };
  }
}
