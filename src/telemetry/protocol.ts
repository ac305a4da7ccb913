import type { Capture, CaptureFacts, KeptBytes } from "../domain/capture.ts";
import type { LogConfig, TelemetryConfig } from "../config/config.ts";
import type { DropReason } from "../outbox/outbox.ts";
import type { OutboxStatus } from "../outbox/status.ts";
import type { Tally } from "./tally.ts";

/** What the worker is opened with; plain data, since it crosses a thread. */
export type WorkerSettings = {
  readonly telemetry: TelemetryConfig;
  readonly log: LogConfig;
  readonly dataDir: string;
  readonly version: string;
};

/** Many captures in one message: their facts as one text, their bytes in one buffer that is moved, not copied. */
export type CaptureBatch = {
  readonly kind: "batch";
  readonly number: number;
  /** JSON of `[facts, lengths]` pairs. */
  readonly facts: string;
  readonly bytes: ArrayBuffer;
};

/** What the request thread says to the worker. */
export type ToWorker =
  | { readonly kind: "open"; readonly settings: WorkerSettings }
  | CaptureBatch
  | { readonly kind: "lost"; readonly reason: DropReason; readonly count: number }
  | { readonly kind: "ask"; readonly id: number; readonly question: Question }
  | { readonly kind: "close"; readonly flushMs: number };

/** What the worker says to the request thread. */
export type FromWorker =
  | { readonly kind: "opened" }
  /** It can't work as it is set; the message is for the operator. */
  | { readonly kind: "fault"; readonly message: string }
  /** Every record of that batch is durable, or counted as dropped. */
  | { readonly kind: "appended"; readonly number: number }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "closed"; readonly pending: number };

/** What can be asked of the worker. */
export type Question = keyof Answers;

/** What it answers. */
export type Answers = {
  readonly status: OutboxStatus;
  /** The worker's metrics in Prometheus' text form. */
  readonly metrics: string;
  readonly metricsJson: readonly unknown[];
  /** Of all exchanges so far, where a session is set for those that name none; empty elsewhere. */
  readonly tally: Tally;
};

/** Lengths of a capture's bytes: request head, tail and total, then the answer's. */
type Lengths = readonly [number, number, number, number, number, number];

/** Packs captures into one message. */
export function writeBatch(number: number, captures: readonly Capture[]): CaptureBatch {
  const size = captures.reduce((sum, capture) => sum + keptSize(capture), 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  const put = (part: Uint8Array | undefined): number => {
    if (!part) return 0;
    bytes.set(part, at);
    at += part.length;
    return part.length;
  };
  const rows = captures.map(({ request, response, ...facts }): [CaptureFacts, Lengths] => [
    facts,
    [put(request.head), put(request.tail), request.total, put(response.head), put(response.tail), response.total],
  ]);
  return { kind: "batch", number, facts: JSON.stringify(rows), bytes: bytes.buffer };
}

/** Unpacks what `writeBatch` packed. */
export function readBatch({ facts, bytes }: CaptureBatch): readonly Capture[] {
  // It is what `writeBatch` wrote, in this very program.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const rows = JSON.parse(facts) as readonly [CaptureFacts, Lengths][];
  let at = 0;
  const take = (head: number, tail: number, total: number): KeptBytes => {
    const kept = {
      head: new Uint8Array(bytes, at, head),
      total,
      ...(tail > 0 ? { tail: new Uint8Array(bytes, at + head, tail) } : {}),
    };
    at += head + tail;
    return kept;
  };
  return rows.map(([capture, lengths]) => {
    const request = take(lengths[0], lengths[1], lengths[2]);
    return { ...capture, request, response: take(lengths[3], lengths[4], lengths[5]) };
  });
}

/** The bytes that a capture keeps of both bodies. */
export function keptSize({ request, response }: Pick<Capture, "request" | "response">): number {
  return request.head.length + (request.tail?.length ?? 0) + response.head.length + (response.tail?.length ?? 0);
}
