/**
 * The exchange log and its sums, the same in SQLite (a file of its own) and PostgreSQL: ids are UUID v7 text, so their order is
 * that of arrivals; times are milliseconds since the epoch, truth is 0 or 1, money is nano-dollars.
 */
export type ExchangeTables = {
  readonly exchanges: ExchangeRow;
  readonly exchange_nodes: ExchangeNodeRow;
  readonly counted_exchanges: CountedExchangeRow;
  readonly usage_sums: UsageSumRow;
  readonly exchange_log_state: ExchangeLogStateRow;
};

/** An exchange without what was said in it. */
export type ExchangeRow = {
  readonly id: string;
  readonly started_at: number;
  readonly kind: string;
  readonly provider: string | null;
  readonly model: string | null;
  readonly project_id: string | null;
  readonly token_id: string | null;
  readonly user_id: string | null;
  readonly session_id: string | null;
  readonly trace_id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number | null;
  readonly outcome: string;
  readonly cause: string | null;
  readonly streaming: number;
  /** `hit` where the answer was kept. */
  readonly cache: string | null;
  readonly duration_ms: number;
  readonly first_byte_ms: number | null;
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** Null where there is no price, and then `unpriced` is 1, or where there was nothing to pay. */
  readonly cost_nano_usd: number | null;
  readonly unpriced: number;
  /** The whole exchange but `input`, `parameters` and `output`, as JSON. */
  readonly facts: string;
  /** The last node of its request's conversation; null where none is kept. */
  readonly tip: string | null;
  /** zstd of the JSON of what is no part of the conversation: `{parameters, output}`; null where none is kept. */
  readonly rest: Uint8Array | null;
  /** What the row itself holds, for the bound of the whole. Bytes. */
  readonly size: number;
};

/** A turn of a conversation: those before it are its parents, so that a history which is sent again and again is kept once. */
export type ExchangeNodeRow = {
  /** Hexadecimal: the first 128 bits of the SHA-256 over the parent's id and the turn. */
  readonly id: string;
  readonly parent: string | null;
  /** Exchanges and nodes that hold it. */
  readonly refs: number;
  /** The turn as JSON, zstd where that is shorter. */
  readonly body: Uint8Array;
  readonly packed: number;
  readonly size: number;
};

/** Exchanges that are in the sums already, as long as one may be delivered again. */
export type CountedExchangeRow = { readonly id: string; readonly at: number };

/** Sums of an hour by all that they can be asked by; what is absent in an exchange is "" here. */
export type UsageSumRow = {
  /** The hour's beginning. */
  readonly hour: number;
  readonly project_id: string;
  readonly token_id: string;
  readonly user_id: string;
  readonly provider: string;
  readonly model: string;
  /** The status as a number, 0 where the consumer got none. */
  readonly status: number;
  readonly requests: number;
  readonly errors: number;
  readonly cache_hits: number;
  readonly unpriced: number;
  readonly input: number;
  readonly input_cached: number;
  readonly input_cache_write_5m: number;
  readonly input_cache_write_1h: number;
  readonly input_audio: number;
  readonly input_image: number;
  readonly output: number;
  readonly output_reasoning: number;
  readonly output_audio: number;
  readonly output_image: number;
  readonly cost_nano_usd: number;
  /** What hits of the cache would have cost. */
  readonly saved_nano_usd: number;
  /** Counts of times on a logarithmic scale, as JSON: how quantiles of many rows can be told. */
  readonly duration_sketch: string;
  readonly first_byte_sketch: string;
};

/** One row. */
export type ExchangeLogStateRow = {
  readonly one: 1;
  /** The sizes of all exchanges and nodes. */
  readonly bytes: number;
};
