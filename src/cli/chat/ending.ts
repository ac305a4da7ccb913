import type { ExitCode } from "../command.ts";
import type { Reply } from "./talk.ts";

/** What a person should know of how an answer ended; nothing where all is well. */
export function describeEnding({ ending }: Pick<Reply, "ending">): readonly string[] {
  switch (ending.kind) {
    case "complete":
      return /^(?:length|max_tokens)$/i.test(ending.finish)
        ? ["The answer ends at its bound: --max-tokens allows a longer one."]
        : [];
    case "stopped":
      return [];
    case "cut":
      return ["The answer broke off before its end."];
    case "faulted":
      return [`The answer broke off: ${ending.message}`];
    case "refused":
      return [ending.message];
    case "unreachable":
      return [`${ending.message}. Check that the gateway runs, and the address in --url`];
  }
}

/** What a program ends with that asked one question; a signal's number where it was stopped. */
export function codeOf({ ending }: Pick<Reply, "ending">): ExitCode | 130 {
  if (ending.kind === "complete") return 0;
  if (ending.kind === "stopped") return 130;
  return ending.kind === "unreachable" ? 3 : 1;
}
