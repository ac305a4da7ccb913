import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { createLineReader } from "../lib/lines.ts";
import { createScratchEncoder } from "../lib/scratch-encoder.ts";
import { mendLastLine } from "./mend-last-line.ts";

/** A file of lines that is moved away when it is full; `<path>.1` is the youngest of the older ones. */
export type RotatingFile = {
  /**
   * Writes as many of the lines as belong into one file, at least one, and gives their number. All of these are
   * written, or it throws and none is.
   */
  readonly append: (lines: readonly string[]) => number;
  /** Calls `read` for each line in the last so many bytes, over several files, the oldest first. */
  readonly readLast: (bytes: number, read: (line: string) => void) => Promise<void>;
  readonly close: () => void;
};

/**
 * Opens a file for its owner alone; what a crash left of a last line is mended. Throws what the system says. Writing is
 * synchronous, as it is in the outbox: it is for a thread that nobody waits for, and half as much work.
 */
export function openRotatingFile({
  path,
  maxBytes,
  maxFiles,
}: {
  readonly path: string;
  /** 0 never rotates. */
  readonly maxBytes: number;
  /** Older files that are kept beside the current one. */
  readonly maxFiles: number;
}): RotatingFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let file: number | undefined;
  let size = 0;
  let inode = 0;
  /** Something lies behind `size` that could not be taken away. */
  let torn = false;
  const encode = createScratchEncoder();
  reopen();

  /** Goes on with whatever is at the path: somebody else may have moved or deleted our file. */
  function reopen(): number {
    close();
    const opened = openSync(path, "a+", 0o600);
    size = mendLastLine(opened);
    inode = fstatSync(opened).ino;
    torn = false;
    file = opened;
    return opened;
  }

  function close(): void {
    const opened = file;
    file = undefined;
    if (opened !== undefined) closeSync(opened);
  }

  function current(): number {
    if (file === undefined || inodeAt(path) !== inode) return reopen();
    if (torn) mend(file);
    return file;
  }

  /** Takes away what a failed write left. */
  function mend(opened: number): void {
    torn = true;
    ftruncateSync(opened, size);
    torn = false;
  }

  function rotate(): void {
    close();
    rmSync(nameOf(maxFiles), { force: true });
    for (let age = maxFiles - 1; age >= 0; age -= 1) {
      if (inodeAt(nameOf(age)) !== undefined) renameSync(nameOf(age), nameOf(age + 1));
    }
  }

  function nameOf(age: number): string {
    return age === 0 ? path : `${path}.${age}`;
  }

  function append(lines: readonly string[]): number {
    const opened = current();
    const all = encode(lines);
    const room = maxBytes === 0 ? Infinity : maxBytes - size;
    if (all.length <= room) return write(opened, all, lines.length);
    const fitting = countFitting(lines, room);
    if (fitting === 0 && size > 0) {
      rotate();
      return append(lines);
    }
    const count = Math.max(1, fitting);
    return write(opened, encode(lines.slice(0, count)), count);
  }

  function write(opened: number, bytes: Uint8Array, count: number): number {
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(opened, bytes, done, bytes.length - done);
    } catch (error) {
      try {
        mend(opened);
      } catch {
        // It is tried again before the next line.
      }
      throw error;
    }
    size += bytes.length;
    return count;
  }

  return {
    append,
    async readLast(bytes, read) {
      const parts: { readonly name: string; readonly start: number }[] = [];
      let left = bytes;
      for (let age = 0; age <= maxFiles && left > 0; age += 1) {
        const length = statSync(nameOf(age), { throwIfNoEntry: false })?.size ?? 0;
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
    close,
  };
}

/** How many of the first lines have room. */
function countFitting(lines: readonly string[], room: number): number {
  let used = 0;
  const over = lines.findIndex((line) => {
    used += Buffer.byteLength(line) + 1;
    return used > room;
  });
  return over === -1 ? lines.length : over;
}

function inodeAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
