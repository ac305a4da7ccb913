import type { Command } from "commander";
import type { ControlConfig } from "../config/config.ts";
import { createVault, type Vault } from "../lib/seal.ts";
import { createAudit, createAuditStore } from "../storage/audit.ts";
import { openAuditFile } from "../storage/audit-file.ts";
import { type Changes, createChanges } from "../storage/change.ts";
import type { Storage } from "../storage/database.ts";
import { createMigration } from "../storage/migrate.ts";
import { type EncryptionStatus, readEncryption, type Resealed, rotateKey, sealPlain } from "../storage/reseal.ts";
import { complain } from "./command.ts";
import { describeDatabase } from "./database-fault.ts";
import { formatJson, formatNumberOf } from "./format.ts";
import { fail, isThere, loadControl, onDatabase, refuse } from "./on-database.ts";
import type { Options } from "./serve.ts";

const actor = { name: "cli", origin: "cli" } as const;

/** Adds what of `weir migrate` has to do with secrets. */
export function addEncryptionCommands(add: (name: string, about: string) => Command): void {
  add("encrypt", "seal what is still plain with ENCRYPTION_KEY, all or nothing").action((options: Options) =>
    reseal(options, sealPlain),
  );
  add("encrypt-status", "count what is sealed with which key, and what is plain").action(showEncryption);
  add("rotate-key", "seal everything anew with the first ENCRYPTION_KEY").action((options: Options) =>
    reseal(options, rotateKey),
  );
}

async function reseal(
  { json, ...files }: Options,
  work: (changes: Changes, vault: Vault, by: typeof actor) => Promise<Resealed>,
): Promise<void> {
  const control = await loadControl(files);
  if (control.encryptionKeys.length === 0)
    refuse("ENCRYPTION_KEY must be set: 32 bytes in base64, such as `openssl rand -base64 32` gives");
  const resealed = await onSecrets(control, async (storage, vault) => {
    const done = await work(openChanges(storage, control), vault, actor);
    await storage.forgetReplaced();
    return done;
  });
  const { providerKeys, pepper, unreadable } = resealed;
  const done = providerKeys > 0 || pepper;
  const words = done
    ? `Sealed: ${formatNumberOf(providerKeys, "provider key")}${pepper ? ", and the pepper of the tokens" : ""}.`
    : "There is nothing to seal.";
  console.log(json === true ? formatJson(resealed) : words);
  complain(
    unreadable.map(
      ({ projectId, provider }) =>
        `The ${provider} key of the project ${projectId} was sealed with a key that is not among ENCRYPTION_KEY. Set that one too, or give the project a new key`,
    ),
  );
  process.exit(unreadable.length > 0 ? 1 : 0);
}

async function showEncryption({ json, ...files }: Options): Promise<void> {
  const status = await onSecrets(await loadControl(files), readEncryption, true);
  console.log(json === true ? formatJson(status) : describe(status).join("\n"));
}

function describe({ keyId, current, older, plain, unreadable }: EncryptionStatus): readonly string[] {
  const counts =
    keyId === undefined
      ? `ENCRYPTION_KEY is not set; ${formatNumberOf(plain, "secret")} in plain text.`
      : `The first ENCRYPTION_KEY is ${keyId}; ${formatNumberOf(current, "secret")} sealed with it, ${older} with another one or in an older form, ${plain} in plain text.`;
  return [
    counts,
    ...unreadable.map(
      ({ projectId, provider }) => `The ${provider} key of the project ${projectId} can't be opened with any of them.`,
    ),
  ];
}

/** Does something with the secrets of a database that has this program's schema. */
function onSecrets<T>(
  { database, encryptionKeys }: ControlConfig,
  work: (storage: Storage, vault: Vault) => Promise<T>,
  readOnly = false,
): Promise<T> {
  if (!isThere(database))
    fail(`${describeDatabase(database)} isn't there: check DATABASE_PATH, or start the server once`);
  return onDatabase(
    database,
    async (storage) => {
      const { applied, pending } = await createMigration(storage).status();
      if (applied.length === 0 || pending.length > 0)
        fail(`The schema lacks steps (${pending.join(", ")}): run "weir migrate up"`);
      return work(storage, createVault(encryptionKeys));
    },
    { readOnly },
  );
}

function openChanges(storage: Storage, { audit }: ControlConfig): Changes {
  const { enabled, inDatabase, file: path, createFolder, maxFileBytes } = audit;
  // What is in the database is copied by the servers.
  const keepsFile = enabled && !inDatabase;
  const file = keepsFile
    ? openAuditFile({
        inDatabase,
        path,
        createFolder,
        maxFileBytes,
        auditStore: createAuditStore(storage),
        now: Date.now,
        onTrouble: (error) => complain([error.message]),
      })
    : undefined;
  return createChanges({ storage, audit: createAudit({ enabled, inDatabase, file, now: Date.now }) });
}
