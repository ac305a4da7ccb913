/** A shorter text doesn't get shorter. Characters. */
const leastPacked = 400;

/** A text as bytes, zstd where that is shorter. */
export function pack(text: string): { readonly body: Uint8Array; readonly packed: boolean } {
  const plain = Buffer.from(text);
  if (text.length < leastPacked) return { body: plain, packed: false };
  const packed = Bun.zstdCompressSync(plain, { level: 1 });
  return packed.length < plain.length ? { body: packed, packed: true } : { body: plain, packed: false };
}

/** The text of bytes that were packed, or weren't. */
export function unpack(body: Uint8Array, packed: boolean): string {
  return Buffer.from(packed ? Bun.zstdDecompressSync(body) : body).toString("utf8");
}
