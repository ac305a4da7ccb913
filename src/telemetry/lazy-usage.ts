import type { Capture } from "../domain/capture.ts";
import type { Telemetry } from "./telemetry.ts";

/** Reads what metered calls took where telemetry is off; its thread starts with the first of them. */
export type LazyUsage = {
  /** Takes a capture; one that isn't metered is of no interest. */
  readonly hand: (capture: Capture) => undefined;
  readonly close: () => Promise<void>;
};

/** Captures that may wait until the thread is there. */
const mostWaiting = 1_000;

/** Creates it; `open` opens telemetry that only reads usage. */
export function createLazyUsage(
  open: () => Promise<Pick<Telemetry, "hand" | "close">>,
  onTrouble: (error: unknown) => void,
): LazyUsage {
  const waiting: Capture[] = [];
  let opened: Pick<Telemetry, "hand" | "close"> | undefined;
  let opening: Promise<void> | undefined;

  return {
    hand(capture) {
      if (capture.metered === undefined) return;
      if (opened) return void opened.hand(capture);
      if (waiting.length < mostWaiting) waiting.push(capture);
      opening ??= begin();
    },
    async close() {
      await opening;
      await opened?.close(0);
    },
  };

  async function begin(): Promise<void> {
    try {
      opened = await open();
      for (const capture of waiting.splice(0)) void opened.hand(capture);
    } catch (error) {
      waiting.length = 0;
      onTrouble(error);
      opening = undefined;
    }
  }
}
