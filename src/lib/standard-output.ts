import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";

/** Takes lines for standard output. */
export type StandardOutput = { readonly write: (lines: string) => void };

/** So many bytes wait while standard output takes none; what comes on top is lost. */
const mostWaiting = 1_048_576;
const retryAfterMs = 50;

/** Opens standard output so that a pipe that nobody reads costs lines, never time: a blocked write would hold its thread for good. */
export function openStandardOutput(): StandardOutput {
  const fd = openWithoutBlocking() ?? 1;
  let waiting: Buffer = Buffer.alloc(0);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = () => {
    timer = undefined;
    waiting = writeSome(fd, waiting);
    if (waiting.length > 0) timer ??= setTimeout(write, retryAfterMs).unref();
  };
  return {
    write(lines) {
      const bytes = Buffer.from(lines);
      if (waiting.length + bytes.length > mostWaiting) return;
      waiting = waiting.length === 0 ? bytes : Buffer.concat([waiting, bytes]);
      if (timer === undefined) write();
    },
  };
}

/** Writes what is taken and gives back the rest; where it can't be written at all, for want of room or of a reader, nothing stays. */
function writeSome(fd: number, bytes: Buffer): Buffer {
  let rest = bytes;
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
    return rest;
  } catch (error) {
    return isFull(error) ? rest : Buffer.alloc(0);
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

/**
 * Opens a pipe once more, for us alone: without blocking is a property that all holders of a descriptor share. Only Linux can;
 * `undefined` where it can't be done, as for a pipe of another user.
 */
function openWithoutBlocking(): number | undefined {
  try {
    if (!fstatSync(1).isFIFO()) return undefined;
    const fd = openSync("/proc/self/fd/1", constants.O_WRONLY | constants.O_NONBLOCK);
    if (fstatSync(fd).isFIFO()) return fd;
    closeSync(fd);
  } catch {
    // It stays as it is.
  }
  return undefined;
}
