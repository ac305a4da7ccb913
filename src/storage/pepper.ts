import { randomBytes } from "node:crypto";
import type { Vault } from "../lib/seal.ts";
import type { Storage } from "./database.ts";

/** The pepper's name among the database's secrets, for which it is sealed. */
export const pepperName = "pepper";

/**
 * Opens the database's own secret, making it where there is none, and seals it anew where the vault has another key now.
 * All processes on one database share it. Throws in words where no key opens it.
 */
export async function openPepper({ db }: Pick<Storage, "db">, vault: Vault): Promise<Uint8Array> {
  const fresh = vault.seal(randomBytes(32).toString("base64"), pepperName);
  // Of several that start at once, one is first.
  await db
    .insertInto("secrets")
    .values({ name: pepperName, sealed: fresh })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { sealed } = await db
    .selectFrom("secrets")
    .select("sealed")
    .where("name", "=", pepperName)
    .executeTakeFirstOrThrow();
  const text = unsealPepper(sealed, vault);
  if (vault.isStale(sealed))
    await db
      .updateTable("secrets")
      .set({ sealed: vault.seal(text, pepperName) })
      .where("name", "=", pepperName)
      .where("sealed", "=", sealed)
      .execute();
  return Buffer.from(text, "base64");
}

/** Opens what is stored of it; throws in words where no key does. */
export function unsealPepper(sealed: string, vault: Vault): string {
  try {
    return vault.unseal(sealed, pepperName);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `ENCRYPTION_KEY doesn't open this database (${why}). Set the key that it was sealed with; several may stand with commas between, the first seals`,
      { cause },
    );
  }
}
