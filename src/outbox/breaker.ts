/** How a sink has been doing; times in milliseconds since the epoch. */
export type SinkHealth = {
  readonly consecutiveFailures: number;
  /** Why the last attempt failed; absent while the sink takes what it gets. */
  readonly lastError?: string;
  readonly failingSince?: number;
  readonly nextAttemptAt?: number;
  readonly lastDeliveredAt?: number;
};

const baseMs = 500;
const mostMs = 60_000;
/** A service that asks for more than this is asked again all the same. */
const mostAskedMs = 15 * 60_000;

/** Decides how long to leave a failing sink alone: exponentially longer, with jitter so that many processes don't come back at once; opens after `openAfter` failures in a row. */
export function createBreaker({
  now,
  random,
  openAfter = 5,
}: {
  readonly now: () => number;
  readonly random: () => number;
  readonly openAfter?: number;
}) {
  let health: SinkHealth = { consecutiveFailures: 0 };

  return {
    health: (): SinkHealth => health,
    /** While it is open, the sink gets one record at a time to prove itself. */
    isOpen: (): boolean => health.consecutiveFailures >= openAfter,
    /** Notes a success; says whether it ended a series of failures. */
    succeed(): boolean {
      const recovered = health.consecutiveFailures > 0;
      health = { consecutiveFailures: 0, lastDeliveredAt: now() };
      return recovered;
    },
    /** Notes a failure; gives the milliseconds to wait, never less than the sink asked for within reason. */
    fail(reason: string, afterMs = 0): number {
      const consecutiveFailures = health.consecutiveFailures + 1;
      const backOff = Math.min(mostMs, baseMs * 2 ** (consecutiveFailures - 1)) * (0.5 + random() / 2);
      const asked = Math.min(afterMs, mostAskedMs) * (1 + random() / 10);
      // A service that names its time is taken at its word, early or late.
      const wait = Math.round(afterMs > 0 ? Math.max(asked, baseMs) : backOff);
      const at = now();
      health = {
        ...health,
        consecutiveFailures,
        lastError: reason,
        failingSince: health.failingSince ?? at,
        nextAttemptAt: at + wait,
      };
      return wait;
    },
  };
}
