import type { Capture, KeptBytes } from "../domain/capture.ts";
import { type BatchWriter, type CaptureBatch, createBatchWriter, keptSize } from "./capture-batch.ts";

/** What waits between the request thread and the worker, within bounds: bodies go first, then records, each counted. */
export type CaptureQueue = {
  /** Takes a capture, shortened where it must be; the number of the batch that it will be in, or `undefined` where there was no room at all. */
  readonly add: (capture: Capture) => number | undefined;
  /** The next batch; `undefined` where nothing waits. Its bytes count until they are acknowledged. */
  readonly take: () => CaptureBatch | undefined;
  /** Takes the batch's buffer back, for the next one. */
  readonly acknowledge: (batch: number, buffer: ArrayBuffer) => void;
  /** Forgets what was sent and never acknowledged; returns which batches that were, with how many records. */
  readonly giveUpSent: () => { readonly batches: readonly number[]; readonly records: number };
  readonly state: () => { readonly records: number; readonly bytes: number; readonly bodiesDropped: number };
};

/** Bounds of the queue; `maxCount` is absent where only bytes count. */
export type CaptureQueueBounds = { readonly maxBytes: number; readonly maxCount?: number };

/** What a record without its bodies takes, roughly. Bytes. */
const factsSize = 1024;

/** What is kept of each body when room is short: enough for the model at its beginning and the usage at its end. Bytes. */
const shortHead = 2048;
const shortTail = 8192;

/** A batch that has grown to this takes no more. Bytes. */
export const fullBatch = 4_194_304;
/** A buffer that is larger is let go. Bytes. */
const mostSpare = 2 * fullBatch;

/** Creates an empty queue. */
export function createCaptureQueue({
  maxBytes,
  maxCount = Number.POSITIVE_INFINITY,
}: CaptureQueueBounds): CaptureQueue {
  const sent = new Map<number, { readonly records: number; readonly bytes: number }>();
  /** The last one is still open. */
  const batches: BatchWriter[] = [];
  /** Fresh memory for each batch costs more than what is written into it. */
  let spare: ArrayBuffer | undefined;
  let waitingRecords = 0;
  let waitingBytes = 0;
  let sentBytes = 0;
  let sentRecords = 0;
  let next = 1;
  let bodiesDropped = 0;

  return {
    add(capture) {
      if (waitingRecords + sentRecords >= maxCount) return undefined;
      const used = waitingBytes + sentBytes;
      const fits = used + factsSize + keptSize(capture) <= maxBytes;
      const kept = fits ? capture : shorten(capture);
      const size = factsSize + keptSize(kept);
      // A tenth on top is for records whose bodies were dropped.
      if (!fits && used + size > maxBytes * 1.1) return undefined;
      if (!fits) bodiesDropped += 1;
      openBatch().add(kept);
      waitingRecords += 1;
      waitingBytes += size;
      return next - 1;
    },
    take() {
      const batch = batches.shift();
      if (!batch) return undefined;
      const { number } = batch;
      const [records, bytes] = [batch.count(), batch.size() + batch.count() * factsSize];
      sent.set(number, { records, bytes });
      waitingRecords -= records;
      waitingBytes -= bytes;
      sentBytes += bytes;
      sentRecords += records;
      return batch.finish();
    },
    acknowledge(batch, buffer) {
      forget(batch);
      if (buffer.byteLength <= mostSpare) spare = buffer;
    },
    giveUpSent() {
      const numbers = [...sent.keys()];
      return { batches: numbers, records: numbers.reduce((records, number) => records + forget(number), 0) };
    },
    state: () => ({ records: waitingRecords + sentRecords, bytes: waitingBytes + sentBytes, bodiesDropped }),
  };

  function openBatch(): BatchWriter {
    const last = batches.at(-1);
    if (last && last.size() < fullBatch) return last;
    const opened = createBatchWriter(next, spare);
    spare = undefined;
    next += 1;
    batches.push(opened);
    return opened;
  }

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
