import type { Header } from "./http1.ts";

/** One thing that is done on the wire while a body goes out. */
export type Step =
  | { readonly kind: "bytes"; readonly bytes: string | Uint8Array }
  /** What is held goes out now, as a write of its own. */
  | { readonly kind: "flush" }
  | { readonly kind: "wait"; readonly ms: number }
  /** Nothing more is sent and nothing is closed, until the peer leaves. */
  | { readonly kind: "stall" }
  /** The connection is reset. */
  | { readonly kind: "reset" }
  /** The connection is closed in order, before the body is whole. */
  | { readonly kind: "fin" };

/** The steps of a body, made as room for them comes. */
export type Steps = Iterable<Step> | AsyncIterable<Step>;

/** How an answer ended: the last byte was taken, the mock broke it off, or the peer left before it. */
export type Ending = "complete" | "cut" | "left";

/** What goes back for one request. */
export type Reply = {
  readonly status: number;
  readonly headers: readonly Header[];
  /** Text or bytes go with their length. */
  readonly body: string | Uint8Array | StepBody;
  /** How long the head waits. */
  readonly waitMs?: number;
  /** Takes the connection over once the head of a 101 is out. */
  readonly upgrade?: (connection: Upgraded) => UpgradedHandlers;
  /** Told once, at the end, with the bytes that the system took, head and framing included. */
  readonly ended?: (how: Ending, bytes: number) => void;
};

/** A body in steps; with a `length` it is declared and unframed, without one it is chunked. */
export type StepBody = { readonly steps: Steps; readonly length?: number };

/** A connection that speaks another protocol from now on. */
export type Upgraded = {
  readonly write: (bytes: Uint8Array) => boolean | Promise<boolean>;
  readonly end: () => void;
  readonly reset: () => void;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
};

export type UpgradedHandlers = { readonly data: (bytes: Uint8Array) => void };
