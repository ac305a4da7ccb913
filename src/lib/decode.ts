import {
  type BrotliOptions,
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
  type ZstdOptions,
  zstdDecompressSync,
} from "node:zlib";

/** A body without its encodings; `whole` is false where more of it would have been too much. */
export type Decoded = { readonly bytes: Uint8Array; readonly whole: boolean };

type Decoder = (bytes: Uint8Array, maxOutputLength: number) => Uint8Array;

// The flush at the end makes them give what came before a cut.
const deflateCut: ZlibOptions = { finishFlush: constants.Z_SYNC_FLUSH };
const brotliCut: BrotliOptions = { finishFlush: constants.BROTLI_OPERATION_FLUSH };
const zstdCut: ZstdOptions = { finishFlush: constants.ZSTD_e_flush };

const gunzip: Decoder = (bytes, maxOutputLength) => gunzipSync(bytes, { ...deflateCut, maxOutputLength });

/** By the names that RFC 9110 8.4.1 and RFC 8878 give them. */
const decoders: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  [
    "deflate",
    (bytes, max) => (isZlib(bytes) ? inflateSync : inflateRawSync)(bytes, { ...deflateCut, maxOutputLength: max }),
  ],
  ["br", (bytes, maxOutputLength) => brotliDecompressSync(bytes, { ...brotliCut, maxOutputLength })],
  ["zstd", (bytes, maxOutputLength) => zstdDecompressSync(bytes, { ...zstdCut, maxOutputLength })],
  ["identity", (bytes) => bytes],
]);

/** How many encodings in a row are undone; more have no use. */
const maxEncodings = 4;
/** How often a shorter beginning is tried where the output is too much, each a quarter of the one before. */
const maxTries = 4;
/** A shorter beginning isn't worth a try. Bytes. */
const shortBeginning = 4_096;

/** What is unpacked at most of any body, and of one of so many bytes, so that a few of them can't cost what millions do. */
const maxUnpackedBytes = 33_554_432;
const freeBytes = 1_048_576;
/** Streams of events that say little each are packed best, to about a fiftieth. */
const maxRatio = 64;

/**
 * Undoes a `content-encoding` (several in a row too) on a body that may be cut, up to a multiple of its size.
 * `undefined` where an encoding is unknown or the bytes aren't what it says.
 */
export function decode(bytes: Uint8Array, contentEncoding: string, mostBytes = maxUnpackedBytes): Decoded | undefined {
  const maxBytes = Math.min(mostBytes, freeBytes + bytes.length * maxRatio);
  const names = readNames(contentEncoding);
  if (names.length > maxEncodings) return undefined;
  return names.reduceRight<Decoded | undefined>(
    (body, name) => {
      const decoder = decoders.get(name);
      if (!body || !decoder) return undefined;
      const decoded = decodeStart(decoder, body.bytes, maxBytes);
      return decoded && { bytes: decoded.bytes, whole: decoded.whole && body.whole };
    },
    { bytes, whole: true },
  );
}

/** Undoes a single `content-encoding`, in one try; `undefined` where there are several, or where more than `maxBytes` come out too. */
export function decodeWhole(bytes: Uint8Array, contentEncoding: string, maxBytes: number): Uint8Array | undefined {
  const [name = "identity", ...others] = readNames(contentEncoding);
  const decoder = decoders.get(name);
  const decoded = decoder && others.length === 0 ? tryToDecode(decoder, bytes, maxBytes) : undefined;
  return decoded === "too much" ? undefined : decoded;
}

function readNames(contentEncoding: string): readonly string[] {
  return contentEncoding
    .toLowerCase()
    .split(",", maxEncodings + 1)
    .map((name) => name.trim())
    .filter(Boolean);
}

/** A body that unpacks to more than the bound is unpacked from a shorter beginning: half an answer is better than none. */
function decodeStart(decoder: Decoder, bytes: Uint8Array, maxBytes: number): Decoded | undefined {
  let length = bytes.length;
  for (let tries = 0; tries < maxTries && (tries === 0 || length >= shortBeginning); tries += 1) {
    const decoded = tryToDecode(decoder, bytes.subarray(0, length), maxBytes);
    if (decoded !== "too much") return decoded && { bytes: decoded, whole: tries === 0 };
    length = Math.floor(length / 4);
  }
  return undefined;
}

function tryToDecode(decoder: Decoder, bytes: Uint8Array, maxBytes: number): Uint8Array | "too much" | undefined {
  try {
    return decoder(bytes, maxBytes);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE" ? "too much" : undefined;
  }
}

/** `deflate` means the zlib format (RFC 1950 2.2), but some servers send the bare stream. */
export function isZlib(bytes: Uint8Array): boolean {
  const [method = 0, flags = 0] = bytes;
  return (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0;
}
