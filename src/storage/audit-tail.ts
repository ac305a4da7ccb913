import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { ChainEnd } from "./audit-chain.ts";
import { formatAuditLine, isTornLine, readAuditLine } from "./audit-line.ts";
import { auditPartName, listAuditParts } from "./audit-parts.ts";
import type { AuditRow } from "./tables.ts";

/** Which file, and how it is written. */
export type AuditTailParts = {
  readonly path: string;
  /** A file that grew to this is moved away before the next line. */
  readonly maxFileBytes: number;
  /** Whether what is written is on the disk when writing returns. */
  readonly durable: boolean;
};

/** The end of the audit's file, with the lock on it. */
export type AuditTail = Disposable & {
  /** The last entry, in a file that was moved away where the current one has none; `seq` is 0 where there is none at all. */
  readonly end: ChainEnd;
  /** The file that has the last entry. */
  readonly name: string;
  /** Writes lines, all or none; throws what the system says. */
  readonly append: (rows: readonly AuditRow[]) => void;
};

/**
 * Opens the file where it ends, and takes away what a crash left of a line. The lock is let go of with it. Throws in words
 * where the file is none of the audit's.
 */
export function openAuditTail({ path, maxFileBytes, durable }: AuditTailParts, lock: Disposable): AuditTail {
  let file: number | undefined;
  try {
    file = openSync(path, "a+", 0o600);
    return openEnd(file, { path, maxFileBytes, durable }, lock);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    lock[Symbol.dispose]();
    throw error;
  }
}

function openEnd(opened: number, { path, maxFileBytes, durable }: AuditTailParts, lock: Disposable): AuditTail {
  let file = opened;
  let size = mend(file, path);
  const { end, name } = findEnd(file, path, size);
  return {
    end,
    name,
    append(rows) {
      const bytes = Buffer.from(rows.map((row) => `${formatAuditLine(row)}\n`).join(""));
      if (size > 0 && size + bytes.length > maxFileBytes) rotate();
      write(file, size, bytes, durable);
      // What a power cut takes is the name of a file, too.
      if (durable && size === 0) syncFolder(dirname(path));
      size += bytes.length;
    },
    [Symbol.dispose]() {
      closeSync(file);
      lock[Symbol.dispose]();
    },
  };

  function rotate(): void {
    const first = readAuditLine(readFirstLine(file, size))?.seq;
    const moved = first === undefined ? undefined : auditPartName(path, first);
    // What is there already is never written over.
    if (moved === undefined || existsSync(moved)) return;
    renameSync(path, moved);
    const next = openSync(path, "a+", 0o600);
    closeSync(file);
    file = next;
    size = 0;
  }
}

function write(file: number, size: number, bytes: Uint8Array, durable: boolean): void {
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, bytes.length - done);
    if (durable) fsyncSync(file);
  } catch (error) {
    try {
      ftruncateSync(file, size);
    } catch {
      // The next writer mends it.
    }
    throw error;
  }
}

function syncFolder(folder: string): void {
  const opened = openSync(folder, "r");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

/** Gives the size that it then has. */
function mend(file: number, path: string): number {
  const { size } = fstatSync(file);
  const whole = findLineStart(file, size);
  if (whole === size) return size;
  if (whole > 0) readEntry(file, path, whole);
  if (!isTornLine(readText(file, whole, size))) throw new Error(foreign(path));
  ftruncateSync(file, whole);
  return whole;
}

function findEnd(file: number, path: string, size: number): Pick<AuditTail, "end" | "name"> {
  if (size > 0) return { end: readEntry(file, path, size), name: path };
  const part = listAuditParts(path).at(-1);
  return part === undefined ? { end: { seq: 0, hash: "" }, name: path } : { end: readPartEnd(part), name: part };
}

function readPartEnd(name: string): ChainEnd {
  const opened = openSync(name, "r");
  try {
    return readEntry(opened, name, fstatSync(opened).size);
  } finally {
    closeSync(opened);
  }
}

/** The entry whose line break is the last byte before `end`. */
function readEntry(file: number, name: string, end: number): ChainEnd {
  const row = readAuditLine(readText(file, findLineStart(file, end - 1), end - 1));
  if (!row) throw new Error(foreign(name));
  return { seq: row.seq, hash: row.hash };
}

function foreign(name: string): string {
  return `${name} doesn't end with an entry of the audit: move it away, or set AUDIT_LOG_FILE to another file`;
}

const chunkBytes = 65_536;
const lineBreak = 0x0a;

/** Where the line begins that ends, or is cut off, at `end`. */
function findLineStart(file: number, end: number): number {
  for (let to = end; to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes);
    const at = read(file, from, to).lastIndexOf(lineBreak);
    if (at !== -1) return from + at + 1;
  }
  return 0;
}

function readFirstLine(file: number, size: number): string {
  for (let from = 0; from < size; from += chunkBytes) {
    const at = read(file, from, Math.min(size, from + chunkBytes)).indexOf(lineBreak);
    if (at !== -1) return readText(file, 0, from + at);
  }
  return "";
}

function readText(file: number, from: number, to: number): string {
  return read(file, from, to).toString("utf8");
}

function read(file: number, from: number, to: number): Buffer {
  const buffer = Buffer.alloc(to - from);
  return buffer.subarray(0, readSync(file, buffer, 0, to - from, from));
}
