import { join } from "node:path";
import type { Exchange } from "../src/domain/exchange.ts";
import type { DatabaseConfig } from "../src/storage/database.ts";
import { openExchangeLog } from "../src/storage/exchange-log.ts";
import {
  type AnswerBounds,
  type AskExchanges,
  createExchangeAnswers,
  type ExchangeAnswers,
  type ExchangeQuestion,
} from "../src/storage/exchange-questions.ts";
import { openExchangeWriter } from "../src/storage/exchange-writer.ts";
import type { Place } from "./storage.ts";

/** Where a place's exchange log lies: in a file of its own, or beside the other tables. */
export function logOf({ config, folder }: Pick<Place, "config" | "folder">): DatabaseConfig {
  return config.driver === "sqlite" ? { ...config, path: join(folder, "exchanges.db") } : config;
}

/** An exchange that began then and took 15 LLM tokens, or whatever else is said of it. Milliseconds since the epoch. */
export function exchangeAt(startedAt: number, more: Partial<Exchange> = {}): Exchange {
  const started = new Date(startedAt).toISOString();
  return {
    schema: 1,
    id: Bun.randomUUIDv7("hex", startedAt),
    trace_id: "0af7651916cd43dd8448eb211c80319c",
    span_id: "b7ad6b7169203331",
    kind: "generation",
    transport: "http",
    provider: "openai",
    dialect: "openai-chat",
    method: "POST",
    path: "/v1/chat/completions",
    streaming: false,
    status: 200,
    outcome: "answered",
    started_at: started,
    ended_at: started,
    overhead_ms: 1,
    first_byte_ms: 40,
    duration_ms: 100,
    model: "gpt-4o-mini",
    request: { bytes: 10 },
    response: { bytes: 20 },
    usage: { source: "provider", input: 10, output: 5, total: 15 },
    attribution: {},
    ...more,
  };
}

/** Writes exchanges to a place's log, as the program does. */
export async function writeExchanges(place: Place, exchanges: readonly Exchange[]): Promise<void> {
  const writer = await openExchangeWriter({
    database: logOf(place),
    keepsRows: true,
    retentionMs: 0,
    maxBytes: 0,
    durable: false,
    now: Date.now,
    onTrouble: () => {},
  });
  await writer.append(exchanges);
  await writer.close();
}

/** Answers questions from a place's log, on this thread. */
export async function openAnswers(
  place: Place,
  bounds?: AnswerBounds,
): Promise<AsyncDisposable & { readonly ask: AskExchanges }> {
  const storage = await openExchangeLog(logOf(place), () => {});
  const answer = createExchangeAnswers(storage.db, bounds);
  return {
    // It answers each question with what `ExchangeAnswers` says.
    ask: async <Q extends ExchangeQuestion>(question: Q) => (await answer(question)) as ExchangeAnswers[Q["kind"]],
    [Symbol.asyncDispose]: () => storage.close(),
  };
}
