import type { ExchangeStart, ExchangeSummary, LiveEvent, LiveListener } from "../domain/exchange-summary.ts";

/** Passes on what happens to those who listen, and makes nothing of it where nobody does. */
export type Live = {
  /** `undefined` where too many do. */
  readonly listen: () => LiveListener | undefined;
  readonly started: (start: ExchangeStart) => void;
  readonly ended: (exchanges: readonly ExchangeSummary[]) => void;
  readonly isWatched: () => boolean;
  /** Every listener hears that nothing more will come. */
  readonly close: () => void;
};

/** What it is made of. */
export type LiveParts = {
  /** Is told whether anybody listens, whenever that changes. */
  readonly onWatched: (watched: boolean) => void;
  readonly maxListeners?: number;
  /** Events that wait for a listener at most. */
  readonly maxWaiting?: number;
};

type Hearing = { readonly tell: (event: LiveEvent) => void; readonly end: () => void };

/** Creates it. */
export function createLive({ onWatched, maxListeners = 20, maxWaiting = 500 }: LiveParts): Live {
  const hearings = new Set<Hearing>();
  let closed = false;

  return {
    listen() {
      if (closed || hearings.size >= maxListeners) return undefined;
      return openListener();
    },
    started: (start) => tellAll({ kind: "start", start }),
    ended(exchanges) {
      for (const exchange of exchanges) tellAll({ kind: "exchange", exchange });
    },
    isWatched: () => hearings.size > 0,
    close() {
      closed = true;
      for (const hearing of hearings) hearing.end();
    },
  };

  function tellAll(event: LiveEvent): void {
    for (const { tell } of hearings) tell(event);
  }

  function openListener(): LiveListener {
    let waiting: LiveEvent[] = [];
    let dropped = 0;
    let ended = false;
    let wake = () => {};
    const hearing: Hearing = {
      tell(event) {
        if (waiting.length < maxWaiting) waiting.push(event);
        else dropped += 1;
        wake();
      },
      end() {
        ended = true;
        hearings.delete(hearing);
        if (hearings.size === 0) onWatched(false);
        wake();
      },
    };
    hearings.add(hearing);
    if (hearings.size === 1) onWatched(true);
    return {
      async next(withinMs) {
        if (waiting.length === 0 && !ended) await somethingWithin(withinMs);
        if (waiting.length === 0 && ended) return undefined;
        const events = dropped === 0 ? waiting : [...waiting, { kind: "lagging", dropped } as const];
        waiting = [];
        dropped = 0;
        return events;
      },
      leave() {
        if (!ended) hearing.end();
      },
    };

    function somethingWithin(withinMs: number): Promise<void> {
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
