import { findFile, isCorrupt, setExchangesAside } from "../storage/exchange-aside.ts";
import type { ExchangeWriter, ExchangeWriterParts } from "../storage/exchange-writer.ts";

/** The exchange log was damaged and is out of the way now; the message says where, and the next use begins a new one. */
export class LogSetAside extends Error {
  override readonly name = "LogSetAside";
}

/** The exchange log as long as it is written. */
export type StoreLog = {
  /** Does something with it, and opens it before where it isn't open. Throws what is in the way, `LogSetAside` where it was damaged. */
  readonly use: <T>(work: (writer: ExchangeWriter) => Promise<T>) => Promise<T>;
  readonly isOpen: () => boolean;
  readonly close: () => Promise<void>;
};

type Opened = {
  readonly writer: ExchangeWriter;
  /** Which SQLite file it writes to. */
  readonly file: string | undefined;
};

/** Creates it; nothing is opened or made yet. */
export function createStoreLog(parts: Omit<ExchangeWriterParts, "onTrouble">): StoreLog {
  const path = parts.database.driver === "sqlite" ? parts.database.path : undefined;
  let opening: Promise<Opened> | undefined;

  return {
    async use(work) {
      const opened = await open();
      try {
        return await work(opened.writer);
      } catch (error) {
        if (!isCorrupt(error)) throw error;
        await leave(opened);
        throw await setAside(opened.file, error);
      }
    },
    isOpen: () => opening !== undefined,
    close: async () => (await opening?.catch(() => undefined))?.writer.close(),
  };

  async function open(): Promise<Opened> {
    const before = await opening?.catch(() => undefined);
    // Who moves the file away, as another process does that finds it damaged, wants a new one.
    if (before && before.file !== findPlace()) await leave(before);
    opening ??= openWriter().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function openWriter(): Promise<Opened> {
    // It is loaded only where it is used.
    const { openExchangeWriter } = await import("../storage/exchange-writer.ts");
    const before = findPlace();
    try {
      // A connection that broke shows with the next delivery.
      const writer = await openExchangeWriter({ ...parts, onTrouble: () => {} });
      return { writer, file: findPlace() };
    } catch (error) {
      throw isCorrupt(error) ? await setAside(before, error) : error;
    }
  }

  function findPlace(): string | undefined {
    return path === undefined ? undefined : findFile(path);
  }

  async function leave({ writer }: Opened): Promise<void> {
    if ((await opening?.catch(() => undefined))?.writer !== writer) return;
    opening = undefined;
    await writer.close();
  }

  async function setAside(file: string | undefined, cause: unknown): Promise<unknown> {
    if (path === undefined) return cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const aside = await setExchangesAside(path, file, parts.now());
    const done = aside === undefined ? "another process has set it aside" : `it was set aside as ${aside}`;
    return new LogSetAside(`${path} was corrupt (${why}): ${done}, and a new one is begun`, { cause });
  }
}
