import type { Purge } from "../cache/cache.ts";
import type { ConfigLine } from "../config/describe-config.ts";
import type { DeadLetter } from "../outbox/outbox.ts";
import type { SinkStatus as SinkState } from "../outbox/status.ts";
import type { LiveListener } from "../domain/exchange-summary.ts";
import type { FindClientAddress } from "../lib/client-address.ts";
import type { AuditStore } from "../storage/audit.ts";
import type { Changes } from "../storage/change.ts";
import type { AskExchanges } from "../storage/exchange-questions.ts";
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
  readonly sinks: SinkControl;
  readonly exchanges: ExchangeParts;
  /** Forgets kept answers, and says how many; absent where none are kept. */
  readonly purgeCache?: ((what: Purge) => Promise<number>) | undefined;
  readonly describeConfig: () => readonly ConfigLine[];
  readonly findClientAddress: FindClientAddress;
  readonly now: () => number;
  /** Lets who guesses wait; a real sleep if nothing is said. */
  readonly sleep?: (ms: number) => Promise<void>;
  /** Gets what nobody expected, with its cause, for the log. */
  readonly onFault: (error: unknown, requestId: string) => void;
};

/** The exchange log, and what happens in this process. */
export type ExchangeParts = {
  /** How the log is asked, and whether it has exchanges, or their sums alone; `undefined` where none is kept. */
  readonly findLog: () => { readonly ask: AskExchanges; readonly keepsRows: boolean } | undefined;
  /** Absent where telemetry is switched off; gives `undefined` where too many listen already. */
  readonly listen?: (() => LiveListener | undefined) | undefined;
};

/** The sinks of this process; each gives `undefined` where telemetry is switched off or doesn't answer. */
export type SinkControl = {
  readonly list: () => Promise<readonly SinkState[] | undefined>;
  /** Whether there is such a sink. */
  readonly hold: (name: string) => Promise<boolean | undefined>;
  readonly resume: (name: string) => Promise<boolean | undefined>;
  /** How many dead letters its sink is given again. */
  readonly replay: (name: string) => Promise<number | undefined>;
  readonly deadLetters: (name: string | undefined, limit: number) => Promise<readonly DeadLetter[] | undefined>;
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

export type { SinkState };
