import type { ChunkReader } from "./upload.ts";

/** A body that has passed as a whole: its bytes, the lengths of its pieces, and the milliseconds before each. */
export type PassedBody = {
  readonly body: Uint8Array;
  readonly pieces: readonly number[];
  readonly pauses: readonly number[];
};

/** What copying is made of. */
export type CopyParts = {
  readonly reader: ChunkReader;
  readonly maxBytes: number;
  /** When the head of the answer was there, on the clock: the first pause counts from it. */
  readonly headAt: number;
  /** The monotonic clock; milliseconds. */
  readonly elapsed: () => number;
  /** Called once: with all of it, or with nothing where it was broken off, given up, or is too large. */
  readonly onEnd: (passed: PassedBody | undefined) => void;
};

/** Keeps a copy of what is read, piece by piece as it passes. */
export function copyReader({ reader, maxBytes, headAt, elapsed, onEnd }: CopyParts): ChunkReader {
  let chunks: Uint8Array[] = [];
  let pauses: number[] = [];
  let size = 0;
  let ended = false;
  let last = headAt;

  return {
    read: () => reader.read().then(note, fail),
    cancel() {
      end(undefined);
      return reader.cancel();
    },
  };

  function note(read: Awaited<ReturnType<ChunkReader["read"]>>): typeof read {
    if (ended) return read;
    const { done, value } = read;
    if (done || !value) {
      end({ body: Buffer.concat(chunks, size), pieces: chunks.map(({ length }) => length), pauses });
      return read;
    }
    size += value.length;
    if (size > maxBytes) {
      end(undefined);
      return read;
    }
    const now = elapsed();
    pauses.push(Math.round(now - last));
    last = now;
    chunks.push(value);
    return read;
  }

  function fail(error: unknown): never {
    end(undefined);
    throw error;
  }

  function end(passed: PassedBody | undefined): void {
    if (ended) return;
    ended = true;
    chunks = [];
    pauses = [];
    onEnd(passed);
  }
}
