import { isatty } from "node:tty";

/** What `SIGHUP` may mean. */
export type HangupMeanings = { readonly stop: (signal: NodeJS.Signals) => void; readonly reload: () => void };

/** Reloads at each `SIGHUP`; the same signal says that the terminal was closed, and what ran in it is meant to end. */
export function onHangup({ stop, reload }: HangupMeanings): void {
  const hadTerminal = hasTerminal();
  process.on("SIGHUP", () => (hadTerminal && !hasTerminal() ? stop("SIGHUP") : reload()));
}

function hasTerminal(): boolean {
  return [0, 1, 2].some(isatty);
}
