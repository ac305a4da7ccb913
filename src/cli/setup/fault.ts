import type { ExitCode } from "../command.ts";

/** What keeps it from being done, each a line. */
export class SetupFault extends Error {
  override readonly name = "SetupFault";
  readonly code: ExitCode;
  readonly lines: readonly string[];

  constructor(code: ExitCode, lines: readonly string[]) {
    super(lines.join("\n"));
    this.code = code;
    this.lines = lines;
  }
}
