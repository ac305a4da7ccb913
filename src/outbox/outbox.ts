import type { SinkRecord } from "../sinks/sink.ts";

/** What is appended: an exchange as one line of JSON, and how dear it is when room runs out. */
export type NewRecord = {
  readonly id: string;
  readonly json: string;
  /** Refusals are shed first. */
  readonly refusal: boolean;
};

/** Why a record never reached a sink. */
export type DropReason =
  | "queue_full"
  | "worker_lost"
  | "outbox_full"
  | "outbox_age"
  | "disk_full"
  | "outbox_corrupt"
  | "not_configured"
  | "dead_letters_full";

/**
 * One sink's books; at any moment `received = delivered + pending + rejected + dropped + sampledOut`. `received` counts
 * every record that was meant for the sink: appended, lost before or for want of room, or a dead letter tried again
 * (whose first rejection stays counted). No count is ever taken back, but for `pending`.
 */
export type SinkCounts = {
  readonly received: number;
  readonly delivered: number;
  readonly pending: number;
  readonly rejected: number;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  readonly sampledOut: number;
  /** Age of the oldest pending record in seconds; 0 where nothing waits. */
  readonly lagSeconds: number;
};

/** A record that a sink refused for good. */
export type DeadLetter = {
  readonly sink: string;
  readonly seq: number;
  readonly id: string;
  readonly reason: string;
  readonly at: number;
};

/** The durable queue between capture and sinks; single writer. */
export type Outbox = {
  /** Makes records durable, or counts what it must drop; never throws for want of room. */
  readonly append: (records: readonly NewRecord[]) => void;
  /** Counts records that were lost before they could be appended, for every sink. */
  readonly countLost: (reason: DropReason, count: number) => void;
  /** The next records for a sink, in order, bounded by count and bytes (at least one where any waits). */
  readonly read: (sink: string, limit: { readonly count: number; readonly bytes: number }) => readonly SinkRecord[];
  /** The sink has taken, or never will take, everything up to `seq`; `sampledOut` of it were left out on purpose. */
  readonly ack: (sink: string, upTo: number, sampledOut?: number) => void;
  /** Puts a record among the dead letters; it is acknowledged by a later `ack`. */
  readonly reject: (sink: string, record: SinkRecord, reason: string) => void;
  readonly counts: (sink: string) => SinkCounts;
  readonly size: () => {
    readonly bytes: number;
    readonly records: number;
    readonly oldestAt?: number;
    readonly bodiesShed: number;
  };
  readonly deadLetters: (sink: string | undefined, limit: number) => readonly DeadLetter[];
  /** Gives dead letters to their sink again (appended anew for that sink alone); returns how many. */
  readonly retryDead: (sink: string | undefined) => number;
  /** Forgets dead letters; returns how many. */
  readonly purgeDead: (sink: string | undefined) => number;
  readonly close: () => void;
};
