import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { createLineReader } from "../lib/lines.ts";
import { mendLastLine } from "./mend-last-line.ts";

/** A file of lines that is moved away when it is full; `<path>.1` is the youngest of the older ones. */
export type RotatingFile = {
  /**
   * Writes as many of the lines as belong into one file, at least one, and gives their number. All of these are
   * written, or it throws and none is.
   */
  readonly append: (lines: readonly string[]) => Promise<number>;
  /** Calls `read` for each line in the last so many bytes, over several files, the oldest first. */
  readonly readLast: (bytes: number, read: (line: string) => void) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Opens a file for its owner alone; what a crash left of a last line is mended. Throws what the system says. */
export async function openRotatingFile({
  path,
  maxBytes,
  maxFiles,
}: {
  readonly path: string;
  /** 0 never rotates. */
  readonly maxBytes: number;
  /** Older files that are kept beside the current one. */
  readonly maxFiles: number;
}): Promise<RotatingFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  let handle: FileHandle | undefined;
  let size = 0;
  let inode = 0;
  /** Something lies behind `size` that could not be taken away. */
  let torn = false;
  await reopen();

  /** Goes on with whatever is at the path: somebody else may have moved or deleted our file. */
  async function reopen(): Promise<FileHandle> {
    await handle?.close();
    handle = undefined;
    const opened = await open(path, "a+", 0o600);
    size = await mendLastLine(opened);
    ({ ino: inode } = await opened.stat());
    torn = false;
    handle = opened;
    return opened;
  }

  async function current(): Promise<FileHandle> {
    if (handle === undefined || (await inodeAt(path)) !== inode) return reopen();
    if (torn) await mend(handle);
    return handle;
  }

  /** Takes away what a failed write left. */
  async function mend(file: FileHandle): Promise<void> {
    torn = true;
    await file.truncate(size);
    torn = false;
  }

  async function rotate(): Promise<void> {
    await handle?.close();
    handle = undefined;
    await rm(nameOf(maxFiles), { force: true });
    for (let age = maxFiles - 1; age >= 0; age -= 1) {
      if ((await inodeAt(nameOf(age))) !== undefined) await rename(nameOf(age), nameOf(age + 1));
    }
  }

  function nameOf(age: number): string {
    return age === 0 ? path : `${path}.${age}`;
  }

  async function append(lines: readonly string[]): Promise<number> {
    const file = await current();
    const chosen = fitting(lines, maxBytes === 0 ? Infinity : maxBytes - size);
    if (chosen.length === 0 && size > 0) {
      await rotate();
      return append(lines);
    }
    const written = chosen.length === 0 ? lines.slice(0, 1) : chosen;
    const bytes = Buffer.from(`${written.join("\n")}\n`);
    try {
      await writeAll(file, bytes);
    } catch (error) {
      await mend(file).catch(() => undefined);
      throw error;
    }
    size += bytes.length;
    return written.length;
  }

  return {
    append,
    async readLast(bytes, read) {
      const parts: { readonly name: string; readonly start: number }[] = [];
      let left = bytes;
      for (let age = 0; age <= maxFiles && left > 0; age += 1) {
        const length = (await stat(nameOf(age)).catch(() => undefined))?.size ?? 0;
        if (length > 0) parts.unshift({ name: nameOf(age), start: Math.max(0, length - left) });
        left -= length;
      }
      for (const { name, start } of parts) {
        const lines = createLineReader({ line: read });
        if (start > 0) lines.gap();
        for await (const chunk of Bun.file(name).slice(start).stream()) lines.push(chunk);
        lines.end();
      }
    },
    async close() {
      const opened = handle;
      handle = undefined;
      await opened?.close();
    },
  };
}

/** The first of the lines, as far as they fit. */
function fitting(lines: readonly string[], room: number): readonly string[] {
  let used = 0;
  const over = lines.findIndex((line) => {
    used += Buffer.byteLength(line) + 1;
    return used > room;
  });
  return over === -1 ? lines : lines.slice(0, over);
}

async function inodeAt(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.ino;
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written);
    written += bytesWritten;
  }
}
