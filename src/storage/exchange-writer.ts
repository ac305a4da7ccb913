import type { Exchange } from "../domain/exchange.ts";
import { appendExchanges } from "./append-exchanges.ts";
import { type Bulk, createPostgresBulk } from "./bulk.ts";
import type { DatabaseConfig } from "./database.ts";
import { openExchangeFile } from "./exchange-file.ts";
import { openExchangeLog } from "./exchange-log.ts";
import { trimExchanges } from "./trim-exchanges.ts";

/** Writes the exchange log. */
export type ExchangeWriter = {
  /** Keeps exchanges and adds them to the sums; one that was appended in the last nine days changes nothing. */
  readonly append: (exchanges: readonly Exchange[]) => Promise<void>;
  /** Removes some of what is too old or too much; says whether there may be more. Sums stay. */
  readonly trim: () => Promise<boolean>;
  readonly close: () => Promise<void>;
};

/** What it is opened with. */
export type ExchangeWriterParts = {
  readonly database: DatabaseConfig;
  /** Whether exchanges themselves are kept, or their sums alone. */
  readonly keepsRows: boolean;
  /** How long, and how much; 0 is without bounds. Milliseconds, bytes. */
  readonly retentionMs: number;
  readonly maxBytes: number;
  /** Whether what was appended outlives a power cut. */
  readonly durable: boolean;
  readonly now: () => number;
  readonly onTrouble: (error: Error) => void;
};

/** An outbox holds nothing for longer than 7 days by itself, so that nothing older than this comes again. */
const countedForMs = 9 * 86_400_000;

/** What is left free below the bound for what is being written. Bytes at most. */
const mostMargin = 16 * 1_048_576;

type Place = Bulk & {
  /** Bytes that it takes, where that is known better than by what was written. */
  readonly usedBytes?: (most: number) => number;
  readonly shrink?: () => void;
  readonly close: () => Promise<void> | void;
};

/** Opens it, with its schema brought up to date; throws in words what the operator has to mend. */
export async function openExchangeWriter(parts: ExchangeWriterParts): Promise<ExchangeWriter> {
  const { keepsRows, retentionMs, maxBytes, now } = parts;
  const place = await openPlace(parts);
  const margin = Math.min(maxBytes / 16, mostMargin);
  let written = 0;
  /** It goes on until there is room for a while. */
  let trimming = false;

  return {
    async append(exchanges) {
      written = await place.alone((run) => appendExchanges(run, exchanges, { keepsRows, at: now() }));
      if ((await findExcess()) > 0) await trim();
    },
    trim,
    close: async () => place.close(),
  };

  async function trim(): Promise<boolean> {
    const bytes = await findExcess();
    const removed = await place.alone(async (run) => {
      const gone = await trimExchanges(run, {
        before: retentionMs === 0 ? 0 : now() - retentionMs,
        bytes,
        countedBefore: now() - countedForMs,
      });
      written -= gone.bytes;
      return gone.exchanges;
    });
    if (removed > 0) await place.between(() => place.shrink?.());
    return removed > 0;
  }

  /** How many bytes have to go. */
  async function findExcess(): Promise<number> {
    if (maxBytes === 0) return 0;
    const most = maxBytes - (trimming ? 2 : 1) * margin;
    const used = (await place.between(() => place.usedBytes?.(most))) ?? written;
    trimming = used > most;
    return trimming ? used - (maxBytes - 2 * margin) : 0;
  }
}

async function openPlace({ database, durable, onTrouble }: ExchangeWriterParts): Promise<Place> {
  const storage = await openExchangeLog(database, onTrouble);
  if (database.driver === "postgres") return { ...createPostgresBulk(storage.db), close: () => storage.close() };
  await storage.close();
  return openExchangeFile(database.path, { durable });
}
