import { fstatSync, ftruncateSync, readSync, writeSync } from "node:fs";

const chunkBytes = 65_536;
/** A longer one is no exchange. */
const longestLine = 64 * 1_048_576;
const lineBreak = 0x0a;

/**
 * Sees to it that a file of JSON lines ends with a line break: a last line that is whole is ended, one that a crash cut
 * short is taken away. Takes a file descriptor, gives the size of the file.
 */
export function mendLastLine(file: number): number {
  const { size } = fstatSync(file);
  const start = findLastLine(file, size);
  if (start === size) return size;
  if (size - start <= longestLine && isJson(readBetween(file, start, size))) {
    writeSync(file, "\n");
    return size + 1;
  }
  ftruncateSync(file, start);
  return start;
}

/** Where the text after the last line break begins. */
function findLastLine(file: number, size: number): number {
  for (let end = size; end > 0; end -= chunkBytes) {
    const start = Math.max(0, end - chunkBytes);
    const at = readBetween(file, start, end).lastIndexOf(lineBreak);
    if (at !== -1) return start + at + 1;
  }
  return 0;
}

function readBetween(file: number, start: number, end: number): Buffer {
  const buffer = Buffer.alloc(end - start);
  return buffer.subarray(0, readSync(file, buffer, 0, end - start, start));
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}
