import type { Capture, KeptBytes } from "../domain/capture.ts";
import { type CaptureBatch, keptSize, writeBatch } from "./protocol.ts";

/** What waits between the request thread and the worker, within bounds: bodies go first, then records, each counted. */
export type CaptureQueue = {
  /** Takes a capture, shortened where it must be; the number of the batch that it will be in, or `undefined` where there was no room at all. */
  readonly add: (capture: Capture) => number | undefined;
  /** The next batch; `undefined` where nothing waits. Its bytes count until they are acknowledged. */
  readonly take: () => CaptureBatch | undefined;
  readonly acknowledge: (batch: number) => void;
  /** Forgets what was sent and never acknowledged; returns how many records that were. */
  readonly giveUpSent: () => number;
  readonly state: () => { readonly records: number; readonly bytes: number; readonly bodiesDropped: number };
};

/** Bounds of the queue; `maxCount` is absent where only bytes count. */
export type CaptureQueueBounds = { readonly maxBytes: number; readonly maxCount?: number };

/** What a record without its bodies takes, roughly. Bytes. */
const factsSize = 1024;

/** What is kept of each body when room is short: enough for the model at its beginning and the usage at its end. Bytes. */
const shortHead = 2048;
const shortTail = 8192;

/** Creates an empty queue. */
export function createCaptureQueue({
  maxBytes,
  maxCount = Number.POSITIVE_INFINITY,
}: CaptureQueueBounds): CaptureQueue {
  const sent = new Map<number, { readonly records: number; readonly bytes: number }>();
  let waiting: Capture[] = [];
  let waitingBytes = 0;
  let sentBytes = 0;
  let sentRecords = 0;
  let next = 1;
  let bodiesDropped = 0;

  return {
    add(capture) {
      if (waiting.length + sentRecords >= maxCount) return undefined;
      const used = waitingBytes + sentBytes;
      const fits = used + factsSize + keptSize(capture) <= maxBytes;
      const kept = fits ? capture : shorten(capture);
      const size = factsSize + keptSize(kept);
      // A tenth on top is for records whose bodies were dropped.
      if (!fits && used + size > maxBytes * 1.1) return undefined;
      if (!fits) bodiesDropped += 1;
      waiting.push(kept);
      waitingBytes += size;
      return next;
    },
    take() {
      if (waiting.length === 0) return undefined;
      const batch = writeBatch(next, waiting);
      sent.set(next, { records: waiting.length, bytes: waitingBytes });
      sentBytes += waitingBytes;
      sentRecords += waiting.length;
      waiting = [];
      waitingBytes = 0;
      next += 1;
      return batch;
    },
    acknowledge: (batch) => void forget(batch),
    giveUpSent: () => [...sent.keys()].reduce((records, batch) => records + forget(batch), 0),
    state: () => ({ records: waiting.length + sentRecords, bytes: waitingBytes + sentBytes, bodiesDropped }),
  };

  function forget(batch: number): number {
    const entry = sent.get(batch);
    if (!entry) return 0;
    sent.delete(batch);
    sentBytes -= entry.bytes;
    sentRecords -= entry.records;
    return entry.records;
  }
}

function shorten(capture: Capture): Capture {
  return { ...capture, request: shortenKept(capture.request), response: shortenKept(capture.response) };
}

function shortenKept(kept: KeptBytes): KeptBytes {
  const last = kept.tail ?? kept.head;
  if (kept.head.length + (kept.tail?.length ?? 0) <= shortHead + shortTail) return kept;
  return { head: kept.head.subarray(0, shortHead), tail: last.subarray(-shortTail), total: kept.total };
}
