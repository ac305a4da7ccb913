import type { CacheEntry } from "./cache.ts";

/** All of an entry but its body. */
type Head = Omit<CacheEntry, "body">;

const version = 1;
const fixedBytes = 5;

/** Writes an entry as one version byte, the length of its head, the head as JSON, and the body as it is. */
export function writeEntry({ body, ...head }: CacheEntry): Buffer {
  const text = Buffer.from(JSON.stringify(head));
  const fixed = Buffer.alloc(fixedBytes);
  fixed.writeUInt8(version, 0);
  fixed.writeUInt32BE(text.length, 1);
  return Buffer.concat([fixed, text, body]);
}

/** Reads what `writeEntry` wrote; `undefined` for anything else, which another program or version may have written. */
export function readEntry(bytes: Buffer): CacheEntry | undefined {
  if (bytes.length < fixedBytes || bytes.readUInt8(0) !== version) return undefined;
  const bodyAt = fixedBytes + bytes.readUInt32BE(1);
  if (bodyAt > bytes.length) return undefined;
  try {
    const head: unknown = JSON.parse(bytes.toString("utf8", fixedBytes, bodyAt));
    return isHead(head) ? { ...head, body: bytes.subarray(bodyAt) } : undefined;
  } catch {
    return undefined;
  }
}

function isHead(value: unknown): value is Head {
  return (
    typeof value === "object" &&
    value !== null &&
    "status" in value &&
    typeof value.status === "number" &&
    "headers" in value &&
    typeof value.headers === "object" &&
    "vary" in value &&
    typeof value.vary === "object" &&
    "receivedAt" in value &&
    typeof value.receivedAt === "number"
  );
}
