import type { KeptBytes } from "../domain/capture.ts";

/** A bounded copy of a body that passes: all of it up to `cap` bytes, beyond that its first and its last half of `cap`. */
export type Kept = {
  readonly add: (chunk: Uint8Array) => void;
  /** Counts bytes that tell nothing, and so are left out. */
  readonly pass: (bytes: number) => void;
  readonly total: () => number;
  /** How often something was added. */
  readonly chunks: () => number;
  /** What was kept, as views; the copy must not be added to after this. */
  readonly take: () => KeptBytes;
};

/** Creates an empty copy; it takes memory as it grows. */
export function createKept(cap: number): Kept {
  const half = cap >> 1;
  let head = new Uint8Array(0);
  let length = 0;
  // Past the cap, the second half is a ring that goes on being overwritten.
  let ring: Uint8Array | undefined;
  let ringAt = 0;
  let total = 0;
  let chunks = 0;
  let passed = 0;

  return { add, pass, total: () => total, chunks: () => chunks, take };

  function add(chunk: Uint8Array): void {
    total += chunk.length;
    chunks += 1;
    const room = cap - length;
    if (room > 0) append(chunk.length <= room ? chunk : chunk.subarray(0, room));
    if (chunk.length > room && half > 0) addToRing(chunk.subarray(room));
  }

  function pass(bytes: number): void {
    total += bytes;
    passed += bytes;
  }

  function append(chunk: Uint8Array): void {
    if (length + chunk.length > head.length) {
      const grown = new Uint8Array(Math.min(cap, Math.max(length + chunk.length, head.length * 2, 512)));
      grown.set(head.subarray(0, length));
      head = grown;
    }
    head.set(chunk, length);
    length += chunk.length;
  }

  function addToRing(chunk: Uint8Array): void {
    ring ??= head.slice(cap - half);
    const last = chunk.length > half ? chunk.subarray(chunk.length - half) : chunk;
    // Bytes that would be overwritten at once are only counted.
    ringAt = (ringAt + chunk.length - last.length) % half;
    const first = Math.min(last.length, half - ringAt);
    ring.set(last.subarray(0, first), ringAt);
    ring.set(last.subarray(first), 0);
    ringAt = (ringAt + last.length) % half;
  }

  function take(): KeptBytes {
    const left = passed > 0 ? { passed } : {};
    if (!ring) return { head: head.subarray(0, length), total, ...left };
    const tail = new Uint8Array(half);
    tail.set(ring.subarray(ringAt));
    tail.set(ring.subarray(0, ringAt), half - ringAt);
    return { head: head.subarray(0, cap - half), tail, total, ...left };
  }
}

/** What is kept of a body that is held whole already. */
export function keepWhole(bytes: Uint8Array, cap: number): KeptBytes {
  if (bytes.length <= cap) return { head: bytes, total: bytes.length };
  const half = cap >> 1;
  return { head: bytes.subarray(0, cap - half), tail: bytes.subarray(bytes.length - half), total: bytes.length };
}

/** No body. */
export const keptNothing: KeptBytes = { head: new Uint8Array(0), total: 0 };
