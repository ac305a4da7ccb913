import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";

/** The content codings that clients and providers use. */
export const codings: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  gzip: (bytes) => gzipSync(bytes),
  br: (bytes) => brotliCompressSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
  deflate: (bytes) => deflateSync(bytes),
};

/** What two bodies are compared by: a difference of megabytes can't be read anyway. */
export function hash(bytes: string | Uint8Array): string {
  return `${Buffer.byteLength(bytes)} ${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}

/** Bytes that look like chance, always the same. */
export function noise(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let at = 0; at < words.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Cuts bytes into pieces of these lengths; what remains is the last. */
export function slices(bytes: Uint8Array, lengths: readonly number[]): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let start = 0;
  for (const length of lengths) {
    if (start >= bytes.length) break;
    pieces.push(bytes.subarray(start, start + length));
    start += length;
  }
  if (start < bytes.length) pieces.push(bytes.subarray(start));
  return pieces;
}
