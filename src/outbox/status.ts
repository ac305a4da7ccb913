import type { Outbox, SinkCounts } from "./outbox.ts";

/** How the outbox and its sinks are doing. */
export type OutboxStatus = { readonly outbox: ReturnType<Outbox["size"]>; readonly sinks: readonly SinkStatus[] };

/** How one sink is doing. */
export type SinkStatus = {
  readonly name: string;
  /** Where it delivers to; never a secret. */
  readonly target: string;
  readonly counts: SinkCounts;
  /** Why its last delivery failed; absent while it takes what it gets. */
  readonly failing?: string;
  /** It gets nothing until the operator lets it go on. */
  readonly held?: true;
};
