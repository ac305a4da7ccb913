import type { Outcome } from "./exchange.ts";

/** The bytes of a body that were kept: all of them, or the first and the last part. */
export type KeptBytes = {
  readonly head: Uint8Array;
  /** The end of a body that was too large to keep whole. */
  readonly tail?: Uint8Array;
  /** Every byte that went over the wire, kept or not. */
  readonly total: number;
  /** How many of these were left out because they tell nothing, and so aren't missed. */
  readonly passed?: number;
};

/** The values of the headers that attribute an exchange, by lower-case name. */
export type AttributionHeaders = Readonly<Record<string, string>>;

/** All of a capture but its bytes: plain data. */
export type CaptureFacts = {
  readonly id: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly linkedTrace?: { readonly traceId: string; readonly spanId: string };
  readonly transport: "http" | "websocket";
  /** Absent where no route was found. */
  readonly provider?: string;
  readonly dialect?: string;
  readonly method: string;
  /** As the provider knows it where a route was found, else as it came. */
  readonly path: string;
  /** Without credentials. */
  readonly query?: string;
  readonly requestType?: string;
  readonly requestEncoding?: string;
  readonly responseType?: string;
  readonly responseEncoding?: string;
  readonly upstreamRequestId?: string;
  /** What the consumer got; absent where it got none. */
  readonly status?: number;
  readonly outcome: Outcome;
  readonly cause?: string;
  /** What a refusal said, or what broke, for people. */
  readonly message?: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds after `startedAt`, on the monotonic clock; absent where nothing went upstream. */
  readonly sentAfter?: number;
  /** To the first byte of the answer's body. */
  readonly firstByteAfter?: number;
  readonly endedAfter: number;
  /** Pieces in which the answer's body came; absent where it came whole. */
  readonly chunks?: number;
  readonly attribution: AttributionHeaders;
  readonly projectId?: string;
  readonly tokenId?: string;
  /** What its project lets the exchange log keep, where that is less than everything. */
  readonly exchangeLog?: "metadata" | "off";
  /** Whom the token was made for. */
  readonly userId?: string;
  /** Something was reserved for it, which its real usage and cost take the place of; the number under which they are awaited. */
  readonly metered?: number;
  /** The answer was one that had been kept. */
  readonly cache?: "hit";
  /** The model that the socket's session named, or its query; Realtime's answers name none. */
  readonly socketModel?: string;
  /** A socket on which no model was asked for anything. */
  readonly unused?: true;
  /** Nobody we know sent it: it is recorded without bodies, and may be counted together with others. */
  readonly anonymous?: true;
};

/** What the request thread hands over at the end of an exchange: facts, times and bytes, nothing parsed. */
export type Capture = CaptureFacts & { readonly request: KeptBytes; readonly response: KeptBytes };

/**
 * Takes a capture; synchronous, bounded, and never throws. Where records must be durable before an answer ends, it returns
 * whether this one is; elsewhere nothing is there to wait for.
 */
export type Hand = (capture: Capture) => Promise<boolean> | undefined;
