import type { Command } from "commander";

/** One command of `weir`: one file, one line in `index.ts`. */
export type CliCommand = { readonly register: (program: Command) => void };

/** The end of a command: 0 ok, 1 failed, 2 usage, 3 unreachable. */
export type ExitCode = 0 | 1 | 2 | 3;

/** Prints each on a line of its own to standard error. */
export function complain(lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}
