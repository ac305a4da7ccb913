import type { ExitCode } from "../command.ts";

/** A command of `weir manage` ends without its work done; the message is for who typed it. */
export class ManageFault extends Error {
  override readonly name = "ManageFault";
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
