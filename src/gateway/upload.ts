import { createKept, type Kept } from "./kept.ts";

/** The reading end of a byte stream. */
export type ChunkReader = {
  readonly read: () => Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  readonly cancel: () => Promise<void>;
};

/** A body that streams upward at the pace of the upstream; a bounded copy stays here. */
export type Upload = {
  readonly stream: ReadableStream<Uint8Array>;
  readonly kept: Kept;
  /** Why the upload broke off on the consumer's side, once it did. */
  readonly failure: () => Error | undefined;
};

/** What an upload is made of. */
export type UploadParts = {
  readonly reader: ChunkReader;
  /** What was read of it already. */
  readonly first: readonly Uint8Array[];
  readonly keepBytes: number;
  /** 0: no bound. */
  readonly maxBytes: number;
  /** How long the consumer may pause; milliseconds, 0 for ever. */
  readonly idleMs: number;
  readonly tooLarge: () => Error;
  readonly tooSlow: () => Error;
};

/** Creates the upload of a body; it reads a chunk when the upstream wants one, and never ahead. */
export function createUpload({ reader, first, keepBytes, maxBytes, idleMs, tooLarge, tooSlow }: UploadParts): Upload {
  const kept = createKept(keepBytes);
  const waiting = [...first];
  let failure: Error | undefined;
  let unwanted = false;

  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const early = waiting.shift();
          const { done, value } = early
            ? { done: false, value: early }
            : await withinIdle(reader.read(), idleMs, tooSlow);
          if (unwanted) return;
          if (done || !value) return controller.close();
          kept.add(value);
          if (maxBytes > 0 && kept.total() > maxBytes) throw tooLarge();
          controller.enqueue(value);
        } catch (error) {
          if (unwanted) return;
          failure = error instanceof Error ? error : new Error(String(error));
          controller.error(undefined);
        }
      },
      // The upstream's connection is gone, which is no failure of the consumer's.
      cancel() {
        unwanted = true;
        return reader.cancel();
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, kept, failure: () => failure };
}

async function withinIdle<T>(reading: Promise<T>, idleMs: number, tooSlow: () => Error): Promise<T> {
  if (idleMs === 0) return reading;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooSlow()), idleMs);
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}
