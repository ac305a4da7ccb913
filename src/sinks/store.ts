import { count, reading, size, withDefault } from "../lib/setting-schema.ts";
import type { SinkDefinition } from "./sink.ts";
import { openStoreSink } from "./store-sink.ts";

/** With less, what an empty log takes and what is written between two looks at its size would leave no room for exchanges. */
const leastBytes = 10 * 2 ** 20;

const settings = {
  retentionDays: {
    env: "EXCHANGE_RETENTION_DAYS",
    yaml: "sinks.store.retention_days",
    ...withDefault(count({ max: 36_500 }), "30"),
    help: "How long exchanges are kept in the exchange log; 0 keeps them until there are too many. Their sums stay.",
  },
  maxBytes: {
    env: "EXCHANGE_MAX_BYTES",
    yaml: "sinks.store.max_bytes",
    ...withDefault(
      reading("0, or a size of at least 10MB such as 500MB or 5GB", (written) => {
        const bytes = size().safeParse(written).data;
        return bytes === 0 || (bytes ?? 0) >= leastBytes ? bytes : undefined;
      }),
      "5GB",
    ),
    help: "How large the exchange log grows before its oldest exchanges go, 10MB at least; 0 lets it grow.",
  },
} as const satisfies SinkDefinition["settings"];

const dayMs = 86_400_000;

/** Keeps exchanges and their sums here, where they are looked at and asked for. */
export const store: SinkDefinition<typeof settings> = {
  name: "store",
  help: "The exchange log and the sums of its usage: `exchanges.db` in `DATA_DIR`, or the PostgreSQL of projects and tokens. It runs unless `SINKS` leaves it out; `EXCHANGE_LOG` says how much is kept.",
  settings,
  enabled: () => true,
  open: ({ retentionDays, maxBytes }, { exchangeLog, now }) =>
    openStoreSink({ ...exchangeLog, retentionMs: retentionDays * dayMs, maxBytes, now }),
};
