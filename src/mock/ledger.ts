import type { Served } from "./dialect.ts";
import type { Ending } from "./reply.ts";

/** How the answers so far ended; `open` are under way. */
export type MockStats = {
  readonly requests: number;
  readonly open: number;
  readonly complete: number;
  readonly cut: number;
  readonly left: number;
};

/** What the mock served, as it knows it itself. */
export type Ledger = {
  readonly begin: () => void;
  /** `served` is absent where there is nothing to tell. */
  readonly end: (ending: Ending, served?: Served & { readonly status: number }) => void;
  readonly stats: () => MockStats;
  /** The newest entries, oldest first, one JSON object a line. */
  readonly lines: () => string;
};

/** Creates the books of one mock; of the entries the newest `limit` are kept. */
export function createLedger(limit = 100_000): Ledger {
  const counts = { requests: 0, complete: 0, cut: 0, left: 0 };
  const entries: object[] = [];
  let oldest = 0;

  return {
    begin() {
      counts.requests += 1;
    },
    end(ended, served) {
      counts[ended] += 1;
      if (served === undefined) return;
      const { requestId, path, model, status, usage } = served;
      entries[oldest] = { request_id: requestId, path, model, status, usage, ended };
      oldest = (oldest + 1) % limit;
    },
    stats: () => ({ ...counts, open: counts.requests - counts.complete - counts.cut - counts.left }),
    lines: () =>
      [...entries.slice(oldest), ...entries.slice(0, oldest)].map((entry) => `${JSON.stringify(entry)}\n`).join(""),
  };
}
