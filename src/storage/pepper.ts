import { randomBytes } from "node:crypto";
import type { Vault } from "../lib/seal.ts";
import type { Storage } from "./database.ts";

const name = "pepper";

/**
 * Opens the database's own secret, making it where there is none, and seals it anew where the vault has another key now.
 * All processes on one database share it. Throws in words where no key opens it.
 */
export async function openPepper({ db }: Pick<Storage, "db">, vault: Vault): Promise<Uint8Array> {
  const fresh = vault.seal(randomBytes(32).toString("base64"), name);
  // Of several that start at once, one is first.
  await db
    .insertInto("secrets")
    .values({ name, sealed: fresh })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { sealed } = await db.selectFrom("secrets").select("sealed").where("name", "=", name).executeTakeFirstOrThrow();
  const text = unseal(sealed, vault);
  if (vault.isStale(sealed))
    await db
      .updateTable("secrets")
      .set({ sealed: vault.seal(text, name) })
      .where("name", "=", name)
      .where("sealed", "=", sealed)
      .execute();
  return Buffer.from(text, "base64");
}

function unseal(sealed: string, vault: Vault): string {
  try {
    return vault.unseal(sealed, name);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `ENCRYPTION_KEY doesn't open this database (${why}). Set the key that it was sealed with; several may stand with commas between, the first seals`,
      { cause },
    );
  }
}
