import type { Transaction } from "kysely";
import type { Actor, AuditAction } from "../domain/audit.ts";
import { isPlain, type Vault } from "../lib/seal.ts";
import type { Changes } from "./change.ts";
import type { Storage } from "./database.ts";
import { pepperName, unsealPepper } from "./pepper.ts";
import { keyContext } from "./projects.ts";
import type { ProviderKeyRow, Tables } from "./tables.ts";

/** A project's key for a provider. */
export type KeyPlace = { readonly projectId: string; readonly provider: string };

/** How the secrets of a database are sealed: every provider key, and the pepper of its tokens. */
export type EncryptionStatus = {
  /** The name of the key that seals; absent where there is none. */
  readonly keyId?: string;
  /** Sealed with that key. */
  readonly current: number;
  /** Sealed with another key that is set, or in an older form. */
  readonly older: number;
  readonly plain: number;
  /** Provider keys that no key opens that is set. */
  readonly unreadable: readonly KeyPlace[];
};

/** What was sealed. */
export type Resealed = {
  readonly providerKeys: number;
  readonly pepper: boolean;
  /** Provider keys that no key opens; they stay as they are. */
  readonly unreadable: readonly KeyPlace[];
};

/** Looks how secrets are sealed; throws in words where no key opens the pepper. */
export async function readEncryption({ db }: Pick<Storage, "db">, vault: Vault): Promise<EncryptionStatus> {
  const { pepper, keys } = await readSecrets(db, vault);
  const readable = [...pepper, ...keys].filter(({ text }) => text !== undefined);
  const count = (state: SealState) => readable.filter(({ sealed }) => stateOf(sealed, vault) === state).length;
  return {
    ...(vault.keyId === undefined ? {} : { keyId: vault.keyId }),
    current: count("current"),
    older: count("older"),
    plain: count("plain"),
    unreadable: listUnreadable(keys),
  };
}

/** Seals what is still plain, all or nothing; a second time there is nothing to do. */
export function sealPlain(changes: Changes, vault: Vault, actor: Actor): Promise<Resealed> {
  return reseal({ changes, vault, actor, action: "encryption.seal", isMeant: isPlain });
}

/** Seals everything anew with the first key, in one transaction; what no key opens stays as it is. */
export function rotateKey(changes: Changes, vault: Vault, actor: Actor): Promise<Resealed> {
  return reseal({ changes, vault, actor, action: "encryption.rotate", isMeant: () => true });
}

type ResealParts = {
  readonly changes: Changes;
  readonly vault: Vault;
  readonly actor: Actor;
  readonly action: AuditAction;
  /** Whether what is sealed so is to be sealed anew. */
  readonly isMeant: (sealed: string) => boolean;
};

async function reseal({ changes, vault, actor, action, isMeant }: ResealParts): Promise<Resealed> {
  if (!vault.encrypts) throw new Error("There is no ENCRYPTION_KEY to seal with");
  return changes.run(actor, async (trx) => {
    // Also where nothing is to be done: a key that doesn't open the database must not seal the rest of it.
    const secrets = await readSecrets(trx, vault);
    const pepper = secrets.pepper.filter(({ sealed }) => isMeant(sealed));
    const keys = secrets.keys.filter(({ sealed }) => isMeant(sealed));
    for (const { text } of pepper)
      await trx
        .updateTable("secrets")
        .set({ sealed: vault.seal(text, pepperName) })
        .where("name", "=", pepperName)
        .execute();
    let providerKeys = 0;
    for (const { text, ...key } of keys)
      if (text !== undefined) {
        await writeKey(trx, key, vault.seal(text, keyContext(key.project_id, key.provider)));
        providerKeys += 1;
      }
    const value = { providerKeys, pepper: pepper.length > 0, unreadable: listUnreadable(keys) };
    const after = { key: vault.keyId, provider_keys: providerKeys, pepper: value.pepper };
    const isDone = value.pepper || providerKeys > 0;
    return { value, events: isDone ? [{ action, outcome: "success", after }] : [] };
  });
}

type OpenKey = ProviderKeyRow & { readonly text: string | undefined };

async function readSecrets(db: Pick<Transaction<Tables>, "selectFrom">, vault: Vault) {
  const peppers = await db.selectFrom("secrets").selectAll().where("name", "=", pepperName).execute();
  const keys = await db.selectFrom("provider_keys").selectAll().orderBy("project_id").orderBy("provider").execute();
  return {
    pepper: peppers.map(({ sealed }) => ({ sealed, text: unsealPepper(sealed, vault) })),
    keys: keys.map((key): OpenKey => ({ ...key, text: tryUnseal(key, vault) })),
  };
}

function tryUnseal({ project_id, provider, sealed }: ProviderKeyRow, vault: Vault): string | undefined {
  try {
    return vault.unseal(sealed, keyContext(project_id, provider));
  } catch {
    return undefined;
  }
}

async function writeKey(
  trx: Transaction<Tables>,
  { project_id, provider }: Pick<ProviderKeyRow, "project_id" | "provider">,
  sealed: string,
): Promise<void> {
  await trx
    .updateTable("provider_keys")
    .set({ sealed })
    .where("project_id", "=", project_id)
    .where("provider", "=", provider)
    .execute();
}

function listUnreadable(keys: readonly OpenKey[]): readonly KeyPlace[] {
  return keys
    .filter(({ text }) => text === undefined)
    .map(({ project_id, provider }) => ({ projectId: project_id, provider }));
}

type SealState = "current" | "older" | "plain";

function stateOf(sealed: string, vault: Vault): SealState {
  if (isPlain(sealed)) return "plain";
  return vault.isStale(sealed) ? "older" : "current";
}
