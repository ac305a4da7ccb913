import type { CaptureBatch } from "./capture-batch.ts";
import type { LogConfig, TelemetryConfig } from "../config/config.ts";
import type { ExchangeSummary } from "../domain/exchange-summary.ts";
import type { OwnPrices } from "../domain/own-prices.ts";
import type { DeadLetter, DropReason } from "../outbox/outbox.ts";
import type { OutboxStatus } from "../outbox/status.ts";
import type { Tally } from "./tally.ts";

/** What the worker is opened with; plain data, since it crosses a thread. */
export type WorkerSettings = {
  readonly telemetry: TelemetryConfig;
  readonly prices: {
    readonly own: OwnPrices;
    /** Where price data lies that an operator has fetched, and when that changed, so that other data makes a new worker. */
    readonly file: string;
    readonly fileChangedAt?: number;
  };
  readonly log: LogConfig;
  readonly dataDir: string;
  readonly version: string;
};

/** What the request thread says to the worker. */
export type ToWorker =
  | { readonly kind: "open"; readonly settings: WorkerSettings }
  | CaptureBatch
  | { readonly kind: "lost"; readonly reason: DropReason; readonly count: number }
  | { readonly kind: "ask"; readonly id: number; readonly question: Question; readonly about: About }
  /** Whether it tells of each exchange. */
  | { readonly kind: "watch"; readonly on: boolean }
  | { readonly kind: "close"; readonly flushMs: number };

/** What the worker says to the request thread. */
export type FromWorker =
  | { readonly kind: "opened" }
  /** It can't work as it is set; the message is for the operator. */
  | { readonly kind: "fault"; readonly message: string }
  /** Every record of that batch is durable, or counted as dropped; its buffer comes back to be used again. `settled` is what its metered exchanges took, as `readSettlements` reads it. */
  | {
      readonly kind: "appended";
      readonly number: number;
      readonly bytes: ArrayBuffer;
      readonly settled: Float64Array<ArrayBuffer>;
    }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  /** These were recorded; said while somebody watches. */
  | { readonly kind: "ended"; readonly exchanges: readonly ExchangeSummary[] }
  | { readonly kind: "closed"; readonly pending: number };

/** What a question is about. */
export type About = { readonly sink?: string | undefined; readonly limit?: number };

/** What can be asked of the worker, or asked for. */
export type Question = keyof Answers;

/** What it answers. */
export type Answers = {
  readonly status: OutboxStatus;
  /** The worker's metrics in Prometheus' text form. */
  readonly metrics: string;
  readonly metricsJson: readonly unknown[];
  /** Of all exchanges so far, where a session is set for those that name none; empty elsewhere. */
  readonly tally: Tally;
  /** Whether there is such a sink, which is held from now on, or goes on. */
  readonly holdSink: boolean;
  readonly resumeSink: boolean;
  /** The latest dead letters, of one sink or of all. */
  readonly deadLetters: readonly DeadLetter[];
  /** How many dead letters are given to their sink again; `undefined` where there is no such sink. */
  readonly retryDead: number | undefined;
};
