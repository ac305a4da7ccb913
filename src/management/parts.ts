import type { ConfigLine } from "../config/describe-config.ts";
import type { AuditStore } from "../storage/audit.ts";
import type { Changes } from "../storage/change.ts";
import type { ProjectStore } from "../storage/projects.ts";
import type { TokenStore } from "../storage/tokens.ts";

/** What the management API is made of. */
export type ManagementParts = {
  readonly projects: ProjectStore;
  readonly tokens: TokenStore;
  /** Absent where the audit isn't in the database. */
  readonly auditStore: AuditStore | undefined;
  readonly changes: Pick<Changes, "note">;
  readonly managementToken: string;
  /** Which reads are entries of the audit too. */
  readonly auditReads: AuditReads;
  readonly version: string;
  /** The providers that a project may have keys for. */
  readonly providerNames: () => readonly string[];
  readonly describeProviders: () => Promise<readonly ProviderState[]>;
  readonly describeConfig: () => readonly ConfigLine[];
  /** CIDRs whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  readonly now: () => number;
  /** Gets what nobody expected, with its cause, for the log. */
  readonly onFault: (error: unknown, requestId: string) => void;
};

/** `sensitive`: of one project or token, of the audit and of the configuration; `all`: lists as well. */
export type AuditReads = "sensitive" | "all" | "off";

/** What is known of a provider now. */
export type ProviderState = {
  readonly name: string;
  readonly family: "openai" | "anthropic" | "gemini";
  readonly baseUrl: string;
  /** Where it is called, as path prefixes of ours: `/openai/`, `/v1/`. */
  readonly routes: readonly string[];
  /** Whether the operator has a key for it. */
  readonly hasKey: boolean;
  readonly status: "ok" | "unreachable" | "not_configured";
  /** The share of its recent calls that failed, from 0 to 1; absent where there were none. */
  readonly errorRate?: number;
};
