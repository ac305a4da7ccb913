import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exchange } from "../src/domain/exchange.ts";
import { createDatabase } from "./postgres.ts";
import type { DatabaseConfig, Storage } from "../src/storage/database.ts";
import { openExchangeLog } from "../src/storage/exchange-log.ts";
import { type ExchangeWriter, type ExchangeWriterParts, openExchangeWriter } from "../src/storage/exchange-writer.ts";
import type { ExchangeTables } from "../src/storage/exchange-tables.ts";

/** An exchange log of a test's own, which goes with everything that was opened on it. */
export type LogPlace = AsyncDisposable & {
  readonly database: DatabaseConfig;
  readonly folder: string;
  readonly openWriter: (different?: Partial<ExchangeWriterParts>) => Promise<ExchangeWriter>;
  readonly read: () => Promise<Storage<ExchangeTables>>;
};

/** Makes one that isn't there yet. */
export async function makeLogPlace(driver: DatabaseConfig["driver"]): Promise<LogPlace> {
  const folder = mkdtempSync(join(tmpdir(), "weir-log-"));
  const postgres = driver === "postgres" ? await createDatabase() : undefined;
  const database: DatabaseConfig =
    postgres === undefined
      ? { driver: "sqlite", path: join(folder, "exchanges.db") }
      : { driver: "postgres", url: postgres.url, poolSize: 2, maxIdle: 1, connectionLifetimeMs: 0 };
  const opened: { readonly close: () => Promise<void> }[] = [];
  const keep = <T extends { readonly close: () => Promise<void> }>(part: T): T => {
    opened.push(part);
    return part;
  };
  return {
    database,
    folder,
    openWriter: async (different = {}) => keep(await openExchangeWriter({ ...writerParts(database), ...different })),
    read: async () => keep(await openExchangeLog(database, () => {})),
    async [Symbol.asyncDispose]() {
      for (const part of opened) await part.close();
      await postgres?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A writer that keeps all without bounds. */
export function writerParts(database: DatabaseConfig): ExchangeWriterParts {
  return {
    database,
    keepsRows: true,
    retentionMs: 0,
    maxBytes: 0,
    durable: false,
    now: Date.now,
    onTrouble: () => {},
  };
}

/** An exchange in which nothing was said, or what is different. */
export function makeExchange(different: Partial<Exchange> = {}): Exchange {
  const startedAt = Date.parse(different.started_at ?? "2026-03-01T10:20:30.000Z");
  return {
    schema: 1,
    id: Bun.randomUUIDv7("hex", startedAt),
    trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
    span_id: "00f067aa0ba902b7",
    kind: "generation",
    transport: "http",
    provider: "openai",
    dialect: "openai-chat",
    method: "POST",
    path: "/v1/chat/completions",
    streaming: false,
    status: 200,
    outcome: "answered",
    started_at: new Date(startedAt).toISOString(),
    ended_at: new Date(startedAt + 500).toISOString(),
    overhead_ms: 0.2,
    duration_ms: 500,
    model: "gpt-4o-mini",
    request: { bytes: 10 },
    response: { bytes: 10 },
    usage: { source: "none", total: 0 },
    attribution: {},
    ...different,
  };
}
