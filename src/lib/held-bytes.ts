/** Bytes that are kept until they are wanted, up to a bound. */
export type HeldBytes = {
  readonly push: (bytes: Uint8Array) => void;
  /** What was kept: the beginning, up to the chunk that would have been too much. */
  readonly bytes: () => Uint8Array;
  /** How many bytes came and were not kept. */
  readonly missing: () => number;
};

/** Creates a store that keeps references to the chunks that it is given. */
export function createHeldBytes(maxBytes: number): HeldBytes {
  const chunks: Uint8Array[] = [];
  let held = 0;
  let missing = 0;
  return {
    push(bytes) {
      if (missing > 0 || held + bytes.length > maxBytes) {
        missing += bytes.length;
        return;
      }
      chunks.push(bytes);
      held += bytes.length;
    },
    bytes() {
      const [first] = chunks;
      return first && chunks.length === 1 ? first : Buffer.concat(chunks);
    },
    missing: () => missing,
  };
}
