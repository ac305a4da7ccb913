import type { NoticeStore } from "../domain/budget-notice.ts";
import type { SpendStore } from "../domain/spend.ts";
import { createVault } from "../lib/seal.ts";
import { type AuditStore, createAudit, createAuditStore } from "./audit.ts";
import { openAuditFile } from "./audit-file.ts";
import { createNoticeStore } from "./budget-notices.ts";
import { type Changes, createChanges } from "./change.ts";
import { type DatabaseConfig, openDatabase, type Storage } from "./database.ts";
import { createMigration } from "./migrate.ts";
import { openPepper } from "./pepper.ts";
import { createProjectStore, type ProjectStore } from "./projects.ts";
import { createSpendStore } from "./spend.ts";
import { createTokenStore, type TokenStore } from "./tokens.ts";

/** Everything that projects, tokens and the audit are kept with. */
export type ControlStore = {
  readonly storage: Storage;
  readonly projects: ProjectStore;
  readonly tokens: TokenStore;
  readonly spend: SpendStore;
  readonly notices: NoticeStore;
  readonly changes: Changes;
  readonly auditStore: AuditStore;
  readonly close: () => Promise<void>;
};

/** What it is opened with. */
export type ControlStoreParts = {
  readonly database: DatabaseConfig;
  readonly encryptionKeys: readonly Uint8Array[];
  readonly audit: {
    readonly enabled: boolean;
    readonly inDatabase: boolean;
    readonly file: string;
    readonly createFolder: boolean;
    readonly maxFileBytes: number;
  };
  readonly now: () => number;
  /** This process has changed something. */
  readonly onChanged: () => Promise<void> | void;
  readonly onTrouble: (error: unknown, phrase: string) => void;
};

/** Opens the database, brings its schema up to date, and builds the stores on it; throws in words what the operator has to mend. */
export async function openControlStore(parts: ControlStoreParts): Promise<ControlStore> {
  const { database, encryptionKeys, audit, now, onChanged, onTrouble } = parts;
  const storage = await openDatabase(database, (error) => onTrouble(error, "a connection to the database broke"));
  try {
    await createMigration(storage).up();
    const vault = createVault(encryptionKeys);
    const pepper = await openPepper(storage, vault);
    const auditStore = createAuditStore(storage);
    const { file: path, ...settings } = audit;
    const file = audit.enabled
      ? openAuditFile({
          ...settings,
          path,
          auditStore,
          now,
          onTrouble: (error) => onTrouble(error, "the file of the audit lags behind"),
        })
      : undefined;
    const changes = createChanges({ storage, audit: createAudit({ ...audit, file, now }), onChanged });
    return {
      storage,
      changes,
      auditStore,
      projects: createProjectStore({ storage, changes, vault, now }),
      tokens: createTokenStore({ storage, changes, vault, pepper, now }),
      spend: createSpendStore(storage),
      notices: createNoticeStore(storage),
      async close() {
        await file?.close();
        await storage.close();
      },
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}
