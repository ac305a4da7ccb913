import { writeSync } from "node:fs";
import { complain } from "./command.ts";

/** A reader that is slower than what is printed is tried again after this. Milliseconds. */
const retryAfterMs = 5;

/**
 * Creates what prints to standard output, here and now. Where that can't be written, it is told once, the work goes on, and
 * the program ends with 1 at least; a reader who has left is no fault.
 */
export function createPrinter(): (text: string) => void {
  let broken = false;
  return (text) => {
    if (broken) return;
    try {
      writeAll(Buffer.from(text));
    } catch (error) {
      broken = true;
      const code = codeOf(error);
      if (code === "EPIPE") return;
      complain([`Standard output can't be written (${code}), so what was printed is not whole.`]);
      process.on("exit", (exitCode) => {
        process.exitCode = exitCode || 1;
      });
    }
  };
}

function writeAll(bytes: Buffer): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(writeSome(rest));
}

function writeSome(bytes: Buffer): number {
  try {
    return writeSync(1, bytes);
  } catch (error) {
    if (codeOf(error) !== "EAGAIN") throw error;
    Bun.sleepSync(retryAfterMs);
    return 0;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
