// A buffer's methods take any bytes. To make a buffer of those that the runtime has just read, for the sake of its methods, costs
// nearly as much as reading them did: their memory has to be given a name of its own first.
const methods: {
  readonly indexOf: (this: Uint8Array, wanted: Uint8Array, from: number) => number;
  readonly toString: (this: Uint8Array, encoding: "utf8" | "latin1", start: number, end: number) => string;
} = Buffer.alloc(0);

/** What bytes say from `start` to `end`. */
export function decodeBytes(bytes: Uint8Array, encoding: "utf8" | "latin1", start = 0, end = bytes.length): string {
  return methods.toString.call(bytes, encoding, start, end);
}

/** Where `wanted` stands first, at `from` or behind it; -1 where it doesn't. */
export function findBytes(bytes: Uint8Array, wanted: Uint8Array, from = 0): number {
  return methods.indexOf.call(bytes, wanted, from);
}
