import type { Exchange } from "./exchange.ts";

/** An exchange as lists show it: one line of facts, null where there is none. */
export type ExchangeSummary = {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly kind: string;
  readonly provider: string | null;
  readonly model: string | null;
  readonly projectId: string | null;
  readonly tokenId: string | null;
  readonly user: string | null;
  readonly session: string | null;
  readonly traceId: string;
  readonly method: string;
  readonly path: string;
  /** Null where the consumer got none. */
  readonly status: number | null;
  readonly outcome: string;
  readonly cause: string | null;
  readonly streaming: boolean;
  readonly cache: string | null;
  readonly durationMs: number;
  readonly firstByteMs: number | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Nano-dollars as text; null where there is no price, or was nothing to pay. */
  readonly costNanoUsd: string | null;
  readonly unpriced: boolean;
};

/** An exchange that has begun: what is known before anything of it was read. */
export type ExchangeStart = {
  readonly exchange_id: string;
  readonly trace_id: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly method: string;
  readonly path: string;
};

/** What happens with exchanges of a process, as it happens. */
export type LiveEvent =
  | { readonly kind: "start"; readonly start: ExchangeStart }
  | { readonly kind: "exchange"; readonly exchange: ExchangeSummary }
  /** So many events were left out for a listener that didn't keep up. */
  | { readonly kind: "lagging"; readonly dropped: number };

/** Somebody who listens to it. */
export type LiveListener = {
  /** What has happened since the last time; waits for something, `withinMs` at most. `undefined` where nothing more will come. */
  readonly next: (withinMs: number) => Promise<readonly LiveEvent[] | undefined>;
  readonly leave: () => void;
};

/** Makes the line of an exchange that has just been read. */
export function summarizeExchange(exchange: Exchange): ExchangeSummary {
  const { usage, attribution } = exchange;
  const input =
    (usage.input ?? 0) +
    (usage.input_cached ?? 0) +
    (usage.input_cache_write_5m ?? 0) +
    (usage.input_cache_write_1h ?? 0) +
    (usage.input_audio ?? 0) +
    (usage.input_image ?? 0);
  return {
    id: exchange.id,
    startedAt: Date.parse(exchange.started_at),
    kind: exchange.kind,
    provider: exchange.provider ?? null,
    model: exchange.model ?? null,
    projectId: exchange.project_id ?? null,
    tokenId: exchange.token_id ?? null,
    user: attribution.user ?? null,
    session: attribution.session ?? null,
    traceId: exchange.trace_id,
    method: exchange.method,
    path: exchange.path,
    status: exchange.status ?? null,
    outcome: exchange.outcome,
    cause: exchange.cause ?? null,
    streaming: exchange.streaming,
    cache: exchange.cache ?? null,
    durationMs: exchange.duration_ms,
    firstByteMs: exchange.first_byte_ms ?? null,
    inputTokens: input,
    outputTokens: usage.total - input,
    costNanoUsd: exchange.cost_nano_usd ?? null,
    unpriced: exchange.unpriced === true,
  };
}
