import { isDatabaseFailure } from "../storage/database-failure.ts";
import { isCorrupt } from "../storage/exchange-aside.ts";
import type { ExchangeWriter, ExchangeWriterParts } from "../storage/exchange-writer.ts";
import type { DeliveryResult, Sink, SinkRecord } from "./sink.ts";
import { createStoreLog, LogSetAside } from "./store-log.ts";

/** What a store sink is made of. Milliseconds. */
export type StoreSinkParts = Omit<ExchangeWriterParts, "onTrouble"> & {
  readonly trimEvery?: number;
  /** Between two steps, in which others get their turn. */
  readonly trimPause?: number;
};

/** Opens the log with its first record, so that a database that isn't there yet holds nobody up. */
export function openStoreSink({ trimEvery = 60_000, trimPause = 20, ...parts }: StoreSinkParts): Sink {
  const log = createStoreLog(parts);
  let trimming: Promise<void> | undefined;
  let closed = false;
  /** What is told with the next delivery, which is how it comes to be logged. */
  let untold: string | undefined;
  const clock = setInterval(() => {
    trimming ??= trimAll().finally(() => {
      trimming = undefined;
    });
  }, trimEvery);
  clock.unref();

  return {
    name: "store",
    batch: { count: 200, bytes: 4 * 1_048_576 },
    deadlineMs: 30_000,
    target: describe(parts.database),
    async deliver(batch) {
      const reason = untold;
      untold = undefined;
      if (reason !== undefined) return { kind: "retry", reason };
      try {
        return await log.use((writer) => append(writer, batch));
      } catch (error) {
        if (error instanceof LogSetAside) return { kind: "retry", reason: error.message };
        throw error;
      }
    },
    async close() {
      closed = true;
      clearInterval(clock);
      await trimming;
      await log.close();
    },
  };

  async function trimAll(): Promise<void> {
    try {
      while (!closed && log.isOpen() && (await log.use((writer) => writer.trim()))) await Bun.sleep(trimPause);
    } catch (error) {
      // That the database is away, deliveries tell; the next time will do.
      if (error instanceof LogSetAside) untold = error.message;
    }
  }
}

/** Where it was the records' fault and not the database's, they are refused. */
async function append(writer: ExchangeWriter, batch: readonly SinkRecord[]): Promise<DeliveryResult> {
  try {
    await writer.append(batch.map(({ exchange }) => exchange));
    return { kind: "delivered" };
  } catch (error) {
    if (isCorrupt(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: isDatabaseFailure(error) ? "retry" : "refused", reason };
  }
}

function describe(database: StoreSinkParts["database"]): string {
  if (database.driver === "sqlite") return database.path;
  const { host, pathname } = new URL(database.url);
  return `PostgreSQL ${host}${pathname}`;
}
