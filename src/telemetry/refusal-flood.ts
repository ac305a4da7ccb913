import type { Exchange } from "../domain/exchange.ts";

/** Lets so many records of nobody's refusals through in a minute and counts the rest, so that a flood of them evicts no true exchange. */
export type RefusalFlood = {
  /** Whether this one is recorded by itself. */
  readonly admit: (exchange: Exchange) => boolean;
  /** The minute's rest, one record for each code, once the minute is over (or `now`, at the end). */
  readonly drain: (now?: boolean) => readonly Exchange[];
};

const minute = 60_000;

/** Creates the counter; `now` gives milliseconds since the epoch. */
export function createRefusalFlood({
  perMinute,
  now,
}: {
  readonly perMinute: number;
  readonly now: () => number;
}): RefusalFlood {
  const rest = new Map<string, Exchange & { readonly count: number }>();
  let startedAt = now();
  let admitted = 0;

  return {
    admit(exchange) {
      if (now() - startedAt >= minute && rest.size === 0) begin();
      if (admitted < perMinute) {
        admitted += 1;
        return true;
      }
      const code = exchange.cause ?? "";
      const { count = 0 } = rest.get(code) ?? {};
      const { provider: _, dialect: __, path: ___, query: ____, upstream_request_id: _____, ...common } = exchange;
      rest.set(code, { ...common, path: "", attribution: {}, count: count + 1 });
      return false;
    },
    drain(atOnce = false) {
      if (rest.size === 0 || (!atOnce && now() - startedAt < minute)) return [];
      const records = [...rest.values()];
      rest.clear();
      begin();
      return records;
    },
  };

  function begin(): void {
    startedAt = now();
    admitted = 0;
  }
}
