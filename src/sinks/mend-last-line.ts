import type { FileHandle } from "node:fs/promises";

const chunkBytes = 65_536;
/** A longer one is no exchange. */
const longestLine = 64 * 1_048_576;
const lineBreak = 0x0a;

/**
 * Sees to it that a file of JSON lines ends with a line break: a last line that is whole is ended, one that a crash cut
 * short is taken away. Gives the size of the file.
 */
export async function mendLastLine(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  const start = await findLastLine(file, size);
  if (start === size) return size;
  if (size - start <= longestLine && isJson(await readBetween(file, start, size))) {
    await file.write("\n");
    return size + 1;
  }
  await file.truncate(start);
  return start;
}

/** Where the text after the last line break begins. */
async function findLastLine(file: FileHandle, size: number): Promise<number> {
  for (let end = size; end > 0; end -= chunkBytes) {
    const start = Math.max(0, end - chunkBytes);
    const at = (await readBetween(file, start, end)).lastIndexOf(lineBreak);
    if (at !== -1) return start + at + 1;
  }
  return 0;
}

async function readBetween(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
  return buffer.subarray(0, bytesRead);
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}
