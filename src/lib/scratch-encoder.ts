/** Encodes texts as UTF-8, each with a line break behind it; the bytes hold until the next call. */
export type ScratchEncoder = (lines: Iterable<string>) => Uint8Array;

/** What one very large batch has needed isn't kept for ever. Bytes. */
const mostKept = 8 * 1_048_576;
const least = 65_536;

/** Creates an encoder with memory of its own that is used again and again: fresh megabytes for each batch cost more than the encoding. */
export function createScratchEncoder(): ScratchEncoder {
  const encoder = new TextEncoder();
  let memory = new Uint8Array(0);

  return (lines) => {
    let at = 0;
    for (const line of lines) {
      // UTF-8 takes three bytes at most for each UTF-16 unit.
      const most = at + line.length * 3 + 1;
      if (most > memory.length) memory = grow(memory, at, most);
      at += encoder.encodeInto(line, memory.subarray(at)).written;
      memory[at] = lineBreak;
      at += 1;
    }
    const bytes = memory.subarray(0, at);
    if (memory.length > mostKept) memory = new Uint8Array(0);
    return bytes;
  };
}

const lineBreak = 0x0a;

function grow(memory: Uint8Array, used: number, wanted: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(Math.max(least, wanted, memory.length * 2));
  grown.set(memory.subarray(0, used));
  return grown;
}
