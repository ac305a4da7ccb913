import { createLog } from "../lib/log.ts";
import { openLogOutput } from "../lib/log-output.ts";
import { openPriceBook } from "../prices/open-price-book.ts";
import { findDialectNamed } from "../providers/named-dialects.ts";
import { readBatch } from "./capture-batch.ts";
import type { WorkerSettings } from "./protocol.ts";
import { createExchangeReader } from "./reader.ts";
import { toSettlement } from "./to-settlement.ts";
import type { TelemetryWork } from "./work.ts";

/** Reads what metered calls took, and keeps nothing of them: what is left of telemetry where it is off. */
export async function openUsageWork({ prices, log: logSettings }: WorkerSettings): Promise<TelemetryWork> {
  const log = createLog(logSettings, openLogOutput(logSettings, { rotates: false, buffered: false }));
  const read = createExchangeReader({
    findDialect: findDialectNamed,
    prices: await openPriceBook({
      ...prices,
      onFault: (err) => log.error({ err }, "the price data that was fetched can't be used; the bundled data is used"),
    }),
  });
  return {
    record(batch, onDurable) {
      onDurable(
        readBatch(batch).flatMap((capture) => {
          if (capture.metered === undefined) return [];
          try {
            return [toSettlement(capture.metered, read(capture))];
          } catch (error) {
            log.error({ err: error, exchange_id: capture.id }, "what an exchange took could not be read");
            return [];
          }
        }),
      );
    },
    watch: () => {},
    countLost: () => {},
    answer: (question) => Promise.reject(new Error(`Nobody answers "${question}" where telemetry is off`)),
    close: () => Promise.resolve(0),
  };
}
