import type { Output } from "./output.ts";
import type { Usage, UsageBucket } from "./usage.ts";

/** How an exchange ended. */
export type Outcome = "answered" | "refused" | "failed" | "aborted";

/** What an exchange was for: only generations and embeddings are work of a model. */
export type ExchangeKind = "generation" | "embedding" | "other";

/** One line of a bill: a bucket's count times its price, rounded half-even to nano-dollars once. */
export type CostLine = {
  readonly bucket: UsageBucket | "stated";
  readonly quantity: number;
  /** USD for a million, as decimal text; absent where the provider stated the cost itself. */
  readonly usd_per_million?: string;
  readonly nano_usd: string;
};

/** Where a cost comes from. */
export type Cost = {
  readonly lines: readonly CostLine[];
  /** `genai-prices`, `config` or `provider`. */
  readonly source: string;
  /** The version of the price data; absent where the provider stated the cost. */
  readonly version?: string;
  /** The model's name in the price data. */
  readonly model?: string;
};

/** What a consumer told us about an exchange, by header or body. */
export type Attribution = {
  readonly user?: string;
  readonly session?: string;
  readonly tags?: readonly string[];
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly trace_name?: string;
  readonly environment?: string;
  readonly release?: string;
  readonly version?: string;
  readonly prompt_name?: string;
  readonly prompt_version?: number;
  /** The consumer's own request id, as it was sent. */
  readonly request_id?: string;
  /** What was malformed and therefore left out, each in a sentence. */
  readonly ignored?: readonly string[];
};

/** One side of an exchange as bytes: what they are said to be, and how many went over the wire. */
export type BodyFacts = {
  readonly content_type?: string;
  readonly content_encoding?: string;
  readonly bytes: number;
  /** Bytes in the middle that were not kept; absent where all were. */
  readonly dropped_bytes?: number;
};

/**
 * One request and its answer, as every sink gets it and as `docs/exchange.schema.json` describes it:
 * times ISO 8601 with milliseconds, durations in milliseconds, money in nano-dollars as text, absent rather than null.
 */
export type Exchange = {
  readonly schema: 1;
  readonly id: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_span_id?: string;
  /** A consumer's `traceparent` where another header gave the trace id. */
  readonly linked_trace?: { readonly trace_id: string; readonly span_id: string };
  readonly kind: ExchangeKind;
  readonly transport: "http" | "websocket";
  readonly provider?: string;
  readonly dialect?: string;
  readonly method: string;
  readonly path: string;
  /** Without credentials. */
  readonly query?: string;
  readonly streaming: boolean;
  /** What the consumer got; absent where it got none. */
  readonly status?: number;
  readonly outcome: Outcome;
  /** Why it did not end as `answered`: a code of the refusal catalogue, or `client_closed`, `upstream_reset`, `shutdown`, … */
  readonly cause?: string;
  readonly error?: { readonly message: string; readonly type?: string; readonly code?: string };
  readonly started_at: string;
  readonly ended_at: string;
  /** From the request's head to its way upstream. */
  readonly overhead_ms: number;
  /** To the first body byte of the answer. */
  readonly first_byte_ms?: number;
  readonly duration_ms: number;
  /** Pieces in which the answer's body came from upstream; absent where it came whole. */
  readonly chunks?: number;
  /** The answer's model, else the request's. */
  readonly model?: string;
  readonly request_model?: string;
  readonly response_id?: string;
  /** The upstream's own id of the request. */
  readonly upstream_request_id?: string;
  readonly request: BodyFacts;
  readonly response: BodyFacts;
  /** What the model was given: messages, system, tools, prompt; or the fields of a form. */
  readonly input?: unknown;
  /** The request's other members: `temperature`, `max_tokens`, … */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly output?: Output;
  /** `vision`, `audio`, `document`, `embedding`. */
  readonly modalities?: readonly string[];
  readonly usage: Usage;
  /** Absent where there is no price for it, and then `unpriced` is true, or where there was nothing to pay. */
  readonly cost_nano_usd?: string;
  readonly cost?: Cost;
  readonly unpriced?: true;
  /** The answer was one that had been kept, which costs nothing. */
  readonly cache?: "hit";
  /** What a kept answer would have cost; nano-dollars as text. */
  readonly saved_nano_usd?: string;
  /** `input`, `output` and `parameters` were given up because the outbox ran out of room. */
  readonly bodies_shed?: true;
  readonly attribution: Attribution;
  readonly project_id?: string;
  readonly token_id?: string;
  /** What its project lets the exchange log keep, where that is less than everything. */
  readonly exchange_log?: "metadata" | "off";
  /** How many exchanges this record stands for; absent for one. Only floods of refusals are counted together. */
  readonly count?: number;
};
