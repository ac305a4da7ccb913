import type { Exchange } from "../domain/exchange.ts";
import type { Settings, SettingValues } from "../lib/setting.ts";
import type { DatabaseConfig } from "../storage/database.ts";

/** One record on its way to a sink. */
export type SinkRecord = {
  /** Its place in the outbox; ascending. */
  readonly seq: number;
  readonly id: string;
  /** The exchange as one line of JSON, without a newline. */
  readonly json: string;
  /** The same, parsed when first asked for. */
  readonly exchange: Exchange;
};

/** A record that a sink will never take, and what it answered. */
export type Rejection = { readonly id: string; readonly reason: string };

/** What came of a batch: taken (but for those rejected), or to be tried again as a whole. */
export type DeliveryResult =
  | { readonly kind: "delivered"; readonly rejected?: readonly Rejection[] }
  /** The batch as a whole was refused for what is in it; the caller halves it to find out which record. */
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "retry"; readonly reason: string; readonly afterMs?: number };

/** A place where records end up. */
export type Sink = {
  readonly name: string;
  /** How much one delivery may hold. */
  readonly batch: { readonly count: number; readonly bytes: number };
  /** A delivery that takes longer is cut by its signal, and tried again. */
  readonly deadlineMs: number;
  /** Where it delivers to, for people; never a secret. */
  readonly target: string;
  /** Takes a batch; may throw, which counts as `retry`. */
  readonly deliver: (batch: readonly SinkRecord[], signal: AbortSignal) => Promise<DeliveryResult>;
  /** Says whether it can be reached and its credentials are right, without leaving a record. Throws what is wrong in words. */
  readonly check?: (signal: AbortSignal) => Promise<void>;
  readonly close?: () => Promise<void>;
};

/** What a sink is opened with beside its own settings. */
export type SinkParts = {
  readonly fetch: typeof fetch;
  readonly now: () => number;
  /** Where it may keep files of its own. */
  readonly dataDir: string;
  readonly version: string;
  /** Where the exchange log is, whether it keeps exchanges or their sums alone, and whether those outlive a power cut at once. */
  readonly exchangeLog: {
    readonly database: DatabaseConfig;
    readonly keepsRows: boolean;
    readonly durable: boolean;
  };
};

/** A kind of sink: its name, what can be set, and how to open it. One file each, one line in `index.ts`. */
export type SinkDefinition<S extends Settings = Settings> = {
  readonly name: string;
  /** One sentence for the docs. */
  readonly help: string;
  readonly settings: S;
  // Methods, not members: so every definition is a `SinkDefinition` too, for callers that have its values from its own settings.
  /** What is wrong with values that are each right for themselves; a sentence that names the settings. */
  fault?(values: SettingValues<S>): string | undefined;
  /** Whether these values switch it on. */
  enabled(values: SettingValues<S>): boolean;
  open(values: SettingValues<S>, parts: SinkParts): Sink | Promise<Sink>;
};
