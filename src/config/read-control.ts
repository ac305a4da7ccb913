import { join } from "node:path";
import type { SettingValues } from "../lib/setting.ts";
import type { Config, ControlConfig } from "./config.ts";
import { auditSettings, managementSettings, storageSettings } from "./control-settings.ts";
import type { Lookup } from "./lookup.ts";
import { readSettings } from "./read-settings.ts";
import type { Report } from "./report.ts";

/** Reads where projects, tokens and the audit are kept, and who manages them. */
export function readControl(lookup: Lookup, dataDir: string, report: Report): ControlConfig {
  const storage = readSettings(storageSettings, lookup, report);
  const { file, ...audit } = readSettings(auditSettings, lookup, report);
  const { address, tokenCleanupMs } = readSettings(managementSettings, lookup, report);
  const { encryptionKeys = [] } = storage;
  if (encryptionKeys.length === 0 && storage.requireEncryption)
    report.fault(
      "ENCRYPTION_KEY must be set, because REQUIRE_ENCRYPTION_KEY asks for it: 32 bytes in base64, such as `openssl rand -base64 32` gives",
    );
  return {
    database: readDatabase(storage, dataDir, report),
    encryptionKeys,
    audit: { ...audit, file: file ?? join(dataDir, "audit.log") },
    tokenCleanupMs,
    managementTokenFile: join(dataDir, "management-token"),
    ...(address === undefined ? {} : { listen: address }),
  };
}

function readDatabase(
  { driver, path, url, poolSize, maxIdle, connectionLifetimeMs }: SettingValues<typeof storageSettings>,
  dataDir: string,
  report: Report,
): Config["control"]["database"] {
  if (driver === "sqlite") return { driver, path: path ?? join(dataDir, "weir.db") };
  if (url === undefined || !/^postgres(?:ql)?:\/\//.test(url))
    report.fault(
      "DATABASE_URL must name a database, postgres://user:password@host/name, because DB_DRIVER is postgres",
    );
  return { driver, url: url ?? "", poolSize, maxIdle, connectionLifetimeMs };
}
