import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** A log file of bounded size. Bytes. */
export type LogFileParts = {
  readonly path: string;
  readonly maxFileBytes: number;
  /** Older files beside the current one: `weir.log.1` is the youngest. */
  readonly maxFiles: number;
  /** Whether this writer moves a full file away; a writer that doesn't follows the one that does. */
  readonly rotates: boolean;
};

/**
 * Opens a file for appending lines, readable by its owner alone; throws what the system says where it can't. Writing
 * never throws: what a full disk doesn't take is lost.
 */
export function createLogFile({ path, maxFileBytes, maxFiles, rotates }: LogFileParts): {
  readonly write: (line: string) => void;
} {
  mkdirSync(dirname(path), { recursive: true });
  let fd = openSync(path, "a", 0o600);
  let { size, ino } = fstatSync(fd);
  /** The last line was taken in part. */
  let torn = false;

  return {
    write(line) {
      try {
        if (rotates && size > 0 && size + line.length > maxFileBytes) rotate();
        else if (!rotates) follow();
        append(Buffer.from(torn ? `\n${line}` : line));
      } catch {
        // A log is no reason to stop, and there is nowhere to say so.
      }
    },
  };

  function append(bytes: Uint8Array): void {
    const written = writeSync(fd, bytes);
    size += written;
    torn = written < bytes.length;
  }

  function rotate(): void {
    rmSync(`${path}.${maxFiles}`, { force: true });
    for (let age = maxFiles - 1; age >= 1; age -= 1)
      if (existsSync(`${path}.${age}`)) renameSync(`${path}.${age}`, `${path}.${age + 1}`);
    if (maxFiles > 0) renameSync(path, `${path}.1`);
    else rmSync(path, { force: true });
    reopen();
  }

  function follow(): void {
    if (statSync(path, { throwIfNoEntry: false })?.ino !== ino) reopen();
  }

  function reopen(): void {
    closeSync(fd);
    fd = openSync(path, "a", 0o600);
    ({ size, ino } = fstatSync(fd));
  }
}
