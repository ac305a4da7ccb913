import type { LimitFigures } from "../domain/limits.ts";
import type { Estimate } from "./estimate.ts";

/** Whom a call counts for: a scope that is absent bounds nothing for it. */
export type LimitSubject = {
  readonly address: string;
  readonly provider: string;
  readonly model?: string;
  readonly projectId?: string;
  readonly tokenId?: string;
  readonly user?: string;
  /** A consumer's own key, by a hash that tells nothing of it. */
  readonly keyHash?: string;
  readonly projectLimits?: LimitFigures;
  readonly tokenLimits?: LimitFigures;
};

/** What one call has taken. Each of these is called once at most, and none throws; a ticket without an end lapses with its process. */
export type LimitTicket = {
  /** `x-ratelimit-*` of the tightest scope, for the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** It is no longer under way; what was reserved stands until `settle` or `giveBack`. */
  readonly ended: () => void;
  /** It never reached the upstream, or failed there: nothing was taken. */
  readonly giveBack: () => void;
  /** The real counts take the place of the estimate. */
  readonly settle: (real: Estimate) => void;
};

/** Bounds how much is called. */
export type Limits = {
  /** Whether any call could be bounded by the configuration; tokens and projects bring figures of their own. */
  readonly any: boolean;
  /** Takes a place in every scope that has a figure, or none at all: throws a `Refusal` then. `undefined` where nothing bounds the call. */
  readonly take: (
    id: string,
    subject: LimitSubject,
    estimate: () => Estimate,
  ) => LimitTicket | undefined | Promise<LimitTicket | undefined>;
  readonly close: () => Promise<void>;
};
