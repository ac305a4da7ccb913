import type { Log } from "./log.ts";

/** Says what goes wrong again and again, each phrase once a minute at most. */
export type TroubleLog = (error: unknown, phrase: string) => void;

const sayAgainAfterMs = 60_000;

/** Creates it; `elapsed` is the monotonic clock in milliseconds. Phrases are constant, so what is kept is bounded. */
export function createTroubleLog(log: Pick<Log, "error">, elapsed: () => number): TroubleLog {
  const saidAt = new Map<string, number>();
  return (err, phrase) => {
    const now = elapsed();
    if (now - (saidAt.get(phrase) ?? Number.NEGATIVE_INFINITY) < sayAgainAfterMs) return;
    saidAt.set(phrase, now);
    log.error({ err }, phrase);
  };
}
