import { waitFor } from "../weir.ts";
import type { Control } from "./control.ts";

/** A call of a load: when it was made and when its answer was there, in milliseconds of this process's clock. */
export type LoadCall = {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly status: number;
  readonly code: string | undefined;
  readonly reached: boolean;
};

/** Consumers that call one process with one token, again and again. */
export type Load = {
  readonly calls: readonly LoadCall[];
  /** Waits until so many calls have been answered. */
  readonly until: (count: number) => Promise<void>;
  /** Lets each end its call. */
  readonly stop: () => Promise<void>;
};

/** Starts a few of them, who pause a little between their calls. */
export function startLoad(control: Control, token: string, process: number, consumers = 3): Load {
  const calls: LoadCall[] = [];
  const stopping = new AbortController();
  const consume = async () => {
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      const { answer, seen } = await control.call({ token, process });
      calls.push({
        startedAt,
        endedAt: performance.now(),
        status: answer.status,
        code: answer.header("x-weir-error"),
        reached: seen.length > 0,
      });
      await Bun.sleep(10);
    }
  };
  const running = Array.from({ length: consumers }, consume);
  return {
    calls,
    until: async (count) => {
      await waitFor(
        () => (calls.length >= count ? true : undefined),
        () => `Only ${calls.length} calls were answered`,
      );
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

/** The answers of these calls, each kind once. */
export function kindsOf(calls: readonly LoadCall[]): readonly string[] {
  return [...new Set(calls.map(({ status, code }) => `${status} ${code ?? ""}`.trim()))].toSorted();
}
