/** What was done, or tried. */
export type AuditAction =
  | "project.create"
  | "project.update"
  | "project.deactivate"
  | "project.activate"
  | "project.delete"
  | "project.read"
  | "project.list"
  | "token.create"
  | "token.update"
  | "token.revoke"
  | "token.revoke_batch"
  | "token.expire"
  | "token.read"
  | "token.list"
  | "audit.list"
  | "audit.read"
  | "audit.verify"
  | "budget.exhausted"
  | "budget.warning"
  | "prices.reprice"
  | "exchange.read"
  | "cache.purge"
  | "sink.pause"
  | "sink.resume"
  | "sink.replay"
  | "config.read"
  | "config.reload"
  | "management.refused"
  | "encryption.seal"
  | "encryption.rotate"
  | "proxy_request";

/** How it ended. */
export type AuditOutcome = "success" | "failure" | "denied" | "error";

/** Who did it, from where. */
export type Actor = {
  /** `management_token`, `cli`, `system`, or nobody that we know: `anonymous`. */
  readonly name: string;
  readonly origin: "api" | "cli" | "admin-ui" | "system" | "proxy";
  readonly requestId?: string;
  readonly clientAddress?: string;
  readonly method?: string;
  readonly path?: string;
  readonly userAgent?: string;
};

/** One thing that was done, as it is told to the audit. */
export type AuditEvent = {
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  readonly reason?: string;
  readonly projectId?: string;
  readonly tokenId?: string;
  /** What was different before and after, secrets masked. */
  readonly before?: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
};

/** An entry of the audit. Each holds the SHA-256 of the one before it and of itself. */
export type AuditEntry = AuditEvent & {
  /** Its place in the chain, from 1, without gaps. */
  readonly seq: number;
  /** A UUID v7. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly actor: Actor;
  readonly previous: string;
  readonly hash: string;
};
