import type { Account } from "./spend-account.ts";

/** How long a call may wait until others settle what they had reserved. */
export type SpendPatience = {
  /** Waits until something was given back or the time is up; `false` at once where it was up before, or too many wait. */
  readonly wait: (account: Pick<Account, "sleepers">) => Promise<boolean>;
  /** It is needed no longer. */
  readonly end: () => void;
};

/** What a call took is known some milliseconds after its answer, so whoever calls in turn can be faster. Milliseconds. */
const usualMs = 250;
/** Calls that wait for one account; a crowd is told at once. */
const mostSleepers = 64;

/** Creates it for one call; its time begins when it first waits. */
export function createSpendPatience(ms = usualMs): SpendPatience {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isUp = false;
  let wake = () => {};

  return {
    async wait({ sleepers }) {
      if (isUp || sleepers.size >= mostSleepers) return false;
      timer ??= setTimeout(() => {
        isUp = true;
        wake();
      }, ms);
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      sleepers.add(resolve);
      await promise;
      sleepers.delete(resolve);
      return true;
    },
    end: () => clearTimeout(timer),
  };
}
