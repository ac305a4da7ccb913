import { createCipheriv, createDecipheriv, hash, randomBytes } from "node:crypto";

/** Encrypts what is kept, and decrypts it again. */
export type Vault = {
  /** Whether what is sealed can't be read without the key. */
  readonly encrypts: boolean;
  /** A name for the key that seals, which says nothing of it. */
  readonly keyId?: string;
  /** Seals a text for the one place that `context` names: a row's id, so that rows can't be exchanged. */
  readonly seal: (text: string, context: string) => string;
  /** Opens what was sealed, with any of the keys; throws in words where none fits. */
  readonly unseal: (sealed: string, context: string) => string;
  /** Whether `seal` would give another form: nothing but the first key, and no plain text, is up to date. */
  readonly isStale: (sealed: string) => boolean;
};

const second = "enc:v2:";
const first = "enc:v1:";
const plain = "plain:";

/**
 * Creates a vault over keys of 32 bytes, the first of which seals while all unseal; without keys it keeps plain text.
 * AES-256-GCM with a random nonce of 96 bits (NIST SP 800-38D, 8.2.2).
 */
export function createVault(keys: readonly Uint8Array[]): Vault {
  const named = keys.map((key) => ({ key, id: nameOf(key) }));
  const [sealing] = named;

  return {
    encrypts: sealing !== undefined,
    ...(sealing ? { keyId: sealing.id } : {}),
    seal(text, context) {
      if (!sealing) return plain + text;
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", sealing.key, nonce).setAAD(Buffer.from(context));
      const sealed = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return `${second}${sealing.id}:${sealed.toString("base64")}`;
    },
    unseal(sealed, context) {
      if (isPlain(sealed)) return sealed.slice(plain.length);
      if (sealed.startsWith(first)) return unsealAny(keys, sealed.slice(first.length));
      const [, id, data] = /^enc:v2:([^:]+):(.+)$/.exec(sealed) ?? [];
      if (id === undefined || data === undefined) throw new Error("What is stored is not in a form that is known here");
      const key = named.find((each) => each.id === id)?.key;
      if (!key) throw new Error(`It was sealed with the key ${id}, which is not among ENCRYPTION_KEY`);
      return open(key, data, context);
    },
    isStale: (sealed) => (sealing ? !sealed.startsWith(`${second}${sealing.id}:`) : false),
  };
}

/** Whether what is stored can be read by anybody. */
export function isPlain(sealed: string): boolean {
  return sealed.startsWith(plain);
}

/** A name for a key that says nothing of it. */
function nameOf(key: Uint8Array): string {
  return hash("sha256", Buffer.concat([Buffer.from("weir key id"), key]), "hex").slice(0, 8);
}

/** The older form names no key and no place. */
function unsealAny(keys: readonly Uint8Array[], data: string): string {
  for (const key of keys) {
    try {
      return open(key, data, undefined);
    } catch {
      // Another one may fit.
    }
  }
  throw new Error("It was sealed with a key that is not among ENCRYPTION_KEY");
}

function open(key: Uint8Array, data: string, context: string | undefined): string {
  const bytes = Buffer.from(data, "base64");
  if (bytes.length < 28) throw new Error("What is stored is cut off");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12));
  if (context !== undefined) decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(-16));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString("utf8");
  } catch {
    throw new Error("What is stored can't be opened with its key: it was changed, or belongs elsewhere");
  }
}
