import { isDatabaseFailure } from "../storage/database-failure.ts";
import type { ExchangeWriter, ExchangeWriterParts } from "../storage/exchange-writer.ts";
import type { DeliveryResult, Sink, SinkRecord } from "./sink.ts";

/** What a store sink is made of. Milliseconds. */
export type StoreSinkParts = Omit<ExchangeWriterParts, "onTrouble"> & {
  readonly trimEvery?: number;
  /** Between two steps, in which others get their turn. */
  readonly trimPause?: number;
};

/** Opens the log with its first record, so that a database that isn't there yet holds nobody up. */
export function openStoreSink({ trimEvery = 60_000, trimPause = 20, ...parts }: StoreSinkParts): Sink {
  let opening: Promise<ExchangeWriter> | undefined;
  let trimming: Promise<void> | undefined;
  let closed = false;
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
      const writer = await open();
      return append(writer, batch);
    },
    async close() {
      closed = true;
      clearInterval(clock);
      await trimming;
      await (await opening?.catch(() => undefined))?.close();
    },
  };

  function open(): Promise<ExchangeWriter> {
    opening ??= openWriter().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function openWriter(): Promise<ExchangeWriter> {
    // It is loaded only where it is used.
    const { openExchangeWriter } = await import("../storage/exchange-writer.ts");
    // A connection that broke shows with the next delivery.
    return openExchangeWriter({ ...parts, onTrouble: () => {} });
  }

  async function trimAll(): Promise<void> {
    try {
      const writer = await opening;
      while (!closed && (await writer?.trim())) await Bun.sleep(trimPause);
    } catch {
      // The database is away, which deliveries tell of; the next time will do.
    }
  }
}

/** Where it was the records' fault and not the database's, they are refused. */
async function append(writer: ExchangeWriter, batch: readonly SinkRecord[]): Promise<DeliveryResult> {
  try {
    await writer.append(batch.map(({ exchange }) => exchange));
    return { kind: "delivered" };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: isDatabaseFailure(error) ? "retry" : "refused", reason };
  }
}

function describe(database: StoreSinkParts["database"]): string {
  if (database.driver === "sqlite") return database.path;
  const { host, pathname } = new URL(database.url);
  return `PostgreSQL ${host}${pathname}`;
}
