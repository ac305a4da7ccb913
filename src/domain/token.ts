import type { Budget } from "./budget.ts";
import type { LimitFigures } from "./limits.ts";
import type { Metadata, ProjectId } from "./project.ts";

/** A token's id, a UUID v7; it says nothing of the token's text. */
export type TokenId = string & { readonly kind?: "token" };

/** An access token that Weir issued, without its text, which nobody has but its owner. */
export type Token = {
  readonly id: TokenId;
  readonly projectId: ProjectId;
  readonly name?: string;
  /** `sk-weir-...wxyz`. */
  readonly shown: string;
  /** Milliseconds since the epoch, as all times are; absent where it never expires. */
  readonly expiresAt?: number;
  /** Calls in its whole life; absent where they are not counted against anything. */
  readonly maxRequests?: number;
  readonly isActive: boolean;
  readonly deactivatedAt?: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly lastUsedAt?: number;
  readonly requestCount: number;
  readonly cacheHitCount: number;
  /** Whom its calls are attributed to where they don't say. */
  readonly userId?: string;
  /** Globs; absent where every model may be used. */
  readonly allowedModels?: readonly string[];
  readonly metadata: Metadata;
  readonly limits?: LimitFigures;
  readonly budgets?: readonly Budget[];
};

/** A token to be. */
export type NewToken = {
  readonly projectId: ProjectId;
  readonly name?: string;
  readonly expiresAt?: number;
  readonly maxRequests?: number;
  readonly isActive?: boolean;
  readonly userId?: string;
  readonly allowedModels?: readonly string[];
  readonly metadata?: Metadata;
  readonly limits?: LimitFigures;
  readonly budgets?: readonly Budget[];
};

/** What is to become of a token; what is absent stays, also of its limits, and `null` takes a bound or a name away, `undefined` a limit. */
export type TokenChange = {
  readonly name?: string | null;
  readonly isActive?: boolean;
  readonly expiresAt?: number | null;
  readonly maxRequests?: number | null;
  readonly userId?: string | null;
  readonly allowedModels?: readonly string[] | null;
  readonly metadata?: Metadata;
  readonly limits?: LimitFigures | null;
  readonly budgets?: readonly Budget[] | null;
};

/** What every token begins with; nothing else that does is ever taken for anything else. */
export const tokenPrefix = "sk-weir-";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const randomLength = 32;
const checkLength = 6;
const form = new RegExp(`^${tokenPrefix}[0-9A-Za-z]{${randomLength + checkLength}}$`);

/** Makes the text of a token: 190 bits of chance and a checksum, so that a mistyped one is told apart from an unknown one. */
export function createTokenText(randomBytes: (count: number) => Uint8Array, crc32: (text: string) => number): string {
  let random = "";
  // Bytes from 248 up would make some letters likelier than others.
  while (random.length < randomLength)
    for (const byte of randomBytes(randomLength))
      if (byte < 248 && random.length < randomLength) random += alphabet[byte % 62] ?? "";
  return `${tokenPrefix}${random}${writeCheck(crc32(tokenPrefix + random))}`;
}

/** Whether a text has a token's form and its checksum fits. */
export function isTokenText(text: string, crc32: (text: string) => number): boolean {
  return form.test(text) && writeCheck(crc32(text.slice(0, -checkLength))) === text.slice(-checkLength);
}

/** What is shown of a token. */
export function maskToken(text: string): string {
  return `${tokenPrefix}...${text.slice(-4)}`;
}

function writeCheck(crc: number): string {
  let rest = crc >>> 0;
  let written = "";
  while (written.length < checkLength) {
    written = (alphabet[rest % 62] ?? "") + written;
    rest = Math.floor(rest / 62);
  }
  return written;
}
