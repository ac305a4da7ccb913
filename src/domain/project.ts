import type { Budget } from "./budget.ts";
import type { LimitFigures } from "./limits.ts";
import type { Policy } from "./policy.ts";

/** A project's id, a UUID v7. */
export type ProjectId = string & { readonly kind?: "project" };

/** What a project decides for its calls; what is absent is the gateway's own decision. */
export type ProjectSettings = {
  /** Calls go upstream with the operator's key where the project has none for that provider; absent, as long as it has none at all. */
  readonly useOperatorKeys?: boolean;
  /** A consumer may send a provider key of its own beside a token in `x-weir-key`. */
  readonly allowOwnKeys?: boolean;
  readonly streamUsage?: "inject" | "off";
  readonly streamErrorEvent?: boolean;
  readonly onDisconnect?: "cancel" | "drain";
  readonly validate?: boolean;
  /** `off` keeps no answer of its calls and gives none; seconds keep answers to POST for so long though the consumer doesn't ask for it. */
  readonly cache?: "off" | number;
  /** What of its calls is kept in the exchange log. */
  readonly exchangeLog?: "full" | "metadata" | "off";
};

/** Anything about a project or a token, as JSON, for its owner. */
export type Metadata = Readonly<Record<string, unknown>>;

/** A team or a program that calls with tokens: it owns provider keys and decides what may be called. Nothing of it shows a key. */
export type Project = {
  readonly id: ProjectId;
  readonly name: string;
  /** What is shown of the key for each provider: `sk-proj1...wxyz`. */
  readonly shownKeys: Readonly<Record<string, string>>;
  readonly isActive: boolean;
  /** Milliseconds since the epoch, as all times are. */
  readonly deactivatedAt?: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly metadata: Metadata;
  readonly policy: Policy;
  readonly settings: ProjectSettings;
  readonly limits?: LimitFigures;
  readonly budgets?: readonly Budget[];
};

/** A project to be. */
export type NewProject = {
  readonly name: string;
  /** Provider keys in the clear, by provider. */
  readonly keys?: Readonly<Record<string, string>>;
  readonly isActive?: boolean;
  readonly metadata?: Metadata;
  readonly policy?: Policy;
  readonly settings?: ProjectSettings;
  readonly limits?: LimitFigures;
  readonly budgets?: readonly Budget[];
};

/**
 * What is to become of a project; what is absent stays, also of its policy, its settings and its limits. `null` takes a key
 * away, all limits and all budgets, `undefined` a rule, a setting or a limit.
 */
export type ProjectChange = Omit<Partial<NewProject>, "keys" | "limits" | "budgets"> & {
  readonly keys?: Readonly<Record<string, string | null>>;
  readonly limits?: LimitFigures | null;
  readonly budgets?: readonly Budget[] | null;
  /** Its tokens are revoked with it. */
  readonly revokeTokens?: boolean;
};

/** What is shown of a secret: enough to know it again, too little to use it. */
export function mask(secret: string): string {
  if (secret.length <= 4) return "*".repeat(secret.length);
  if (secret.length <= 16) return `${secret.slice(0, 2)}${"*".repeat(6)}`;
  return `${secret.slice(0, 8)}...${secret.slice(-4)}`;
}

/** Whether a text is what we show of a secret, and no secret. */
export function isMasked(text: string): boolean {
  return text.includes("...") || text.includes("***");
}
