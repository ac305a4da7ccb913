import { createLogFile, type LogFileParts } from "./log-file.ts";
import { openStandardOutput } from "./standard-output.ts";

/** Takes whole lines. */
export type LogOutput = {
  readonly write: (line: string) => void;
  /** Writes what waits. */
  readonly flush: () => void;
};

/** Where lines go; without a `file`, to standard output. */
export type LogOutputSettings = Omit<LogFileParts, "path" | "rotates"> & { readonly file?: string };

/** How one writer uses the place: of several threads with one file, one `rotates` it; `buffered` lines wait a moment for others. */
export type LogOutputUse = { readonly rotates: boolean; readonly buffered: boolean };

/** Lines wait at most for this many more characters, or this many milliseconds. */
const fullBuffer = 65_536;
const bufferedMs = 20;

/**
 * Opens the place that log lines go to; throws what the system says where it can't be. Writing never throws: where it
 * can't be done, lines are lost.
 */
export function openLogOutput({ file, ...bounds }: LogOutputSettings, { rotates, buffered }: LogOutputUse): LogOutput {
  const out = file === undefined ? openStandardOutput() : createLogFile({ ...bounds, path: file, rotates });
  if (!buffered) return { write: (line) => out.write(line), flush: () => {} };
  let waiting = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === "") return;
    const lines = waiting;
    waiting = "";
    out.write(lines);
  };
  return {
    write(line) {
      waiting += line;
      if (waiting.length > fullBuffer) flush();
      else timer ??= setTimeout(flush, bufferedMs);
    },
    flush,
  };
}
