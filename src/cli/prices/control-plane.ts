import type { ControlConfig } from "../../config/config.ts";
import type { AuditEvent } from "../../domain/audit.ts";
import { createAudit, createAuditStore } from "../../storage/audit.ts";
import { openAuditFile } from "../../storage/audit-file.ts";
import { createChanges } from "../../storage/change.ts";
import { openDatabase, type OpenOptions, type Storage } from "../../storage/database.ts";
import { createMigration } from "../../storage/migrate.ts";
import { complain } from "../command.ts";
import { isThere } from "../on-database.ts";

/** What repricing needs of projects and the audit. */
export type ControlPlane = AsyncDisposable & {
  /** The id of a project that is named by its id or its name. */
  readonly findProject: (named: string) => Promise<string | undefined>;
  readonly note: (event: Omit<AuditEvent, "action" | "outcome">) => Promise<void>;
};

/** Opens the database of projects and the audit; `undefined` where there is none yet. Throws in words what the operator has to mend. */
export async function openControlPlane(config: ControlConfig, options: OpenOptions): Promise<ControlPlane | undefined> {
  if (!isThere(config.database)) return undefined;
  const storage = await openDatabase(config.database, () => {}, options);
  const { applied, pending } = await createMigration(storage).status();
  if (applied.length === 0) {
    await storage.close();
    return undefined;
  }
  if (pending.length > 0) throw new Error(`The schema lacks steps (${pending.join(", ")}): run "weir migrate up"`);
  const changes = openChanges(storage, config);
  return {
    async findProject(named) {
      const found = await storage.db
        .selectFrom("projects")
        .select("id")
        .where((project) => project.or([project("id", "=", named), project("name", "=", named)]))
        .executeTakeFirst();
      return found?.id;
    },
    note: (event) =>
      changes.note({ name: "cli", origin: "cli" }, [{ ...event, action: "prices.reprice", outcome: "success" }]),
    [Symbol.asyncDispose]: () => storage.close(),
  };
}

function openChanges(storage: Storage, { audit }: ControlConfig) {
  const { enabled, inDatabase } = audit;
  // What is in the database is copied by the servers.
  const file =
    enabled && !inDatabase
      ? openAuditFile({
          ...audit,
          path: audit.file,
          auditStore: createAuditStore(storage),
          now: Date.now,
          onTrouble: ({ message }) => complain([message]),
        })
      : undefined;
  return createChanges({ storage, audit: createAudit({ enabled, inDatabase, file, now: Date.now }) });
}
