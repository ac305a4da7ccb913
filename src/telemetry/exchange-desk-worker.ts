import type { DatabaseConfig, Storage } from "../storage/database.ts";
import { isDatabaseFailure } from "../storage/database-failure.ts";
import { findFile } from "../storage/exchange-aside.ts";
import { openExchangeLog } from "../storage/exchange-log.ts";
import { createExchangeAnswers, type ExchangeQuestion } from "../storage/exchange-questions.ts";
import type { ExchangeTables } from "../storage/exchange-tables.ts";

declare const self: Worker;

/** What the request side says. */
export type ToDesk =
  | { readonly kind: "open"; readonly database: DatabaseConfig }
  | { readonly kind: "ask"; readonly id: number; readonly question: ExchangeQuestion };

/** What it is told: an answer, or why there is none. */
export type FromDesk =
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | {
      readonly kind: "fault";
      readonly id: number;
      readonly message: string;
      /** It is the database that doesn't answer as it should. */
      readonly unavailable: boolean;
    };

const receive = createReceiver((message) => self.postMessage(message));
self.addEventListener("message", ({ data }: MessageEvent<ToDesk>) => void receive(data));

/** Answers questions from a database that is only read, which is opened with the first of them. */
function createReceiver(tell: (message: FromDesk) => void): (message: ToDesk) => Promise<void> {
  let settings: DatabaseConfig | undefined;
  let opening: Promise<Opened> | undefined;

  return async (message) => {
    if (message.kind === "open") return void (settings = message.database);
    const { id, question } = message;
    try {
      tell({ kind: "answer", id, value: await answer(question) });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      tell({ kind: "fault", id, message: text, unavailable: isDatabaseFailure(error) });
    }
  };

  async function answer(question: ExchangeQuestion): Promise<unknown> {
    if (!settings) throw new Error("A question came before it was said where the log lies");
    const opened = await getOpen(settings);
    const { db } = (opened.file === findLog(settings) ? opened : await openAnew(opened, settings)).storage;
    return createExchangeAnswers(db)(question);
  }

  function getOpen(database: DatabaseConfig): Promise<Opened> {
    opening ??= open(few(database));
    // What is in its way may be gone by the next question.
    opening.catch(() => (opening = undefined));
    return opening;
  }

  /** One that was damaged is set aside by who writes it, and another lies in its place. */
  async function openAnew({ storage }: Opened, database: DatabaseConfig): Promise<Opened> {
    opening = undefined;
    await storage.close();
    return getOpen(database);
  }
}

/** What is read, and which file that is, where it is one. */
type Opened = { readonly storage: Storage<ExchangeTables>; readonly file: string | undefined };

/** Opens it to be read. Nobody may have written to it yet: then it is there, and empty, from now on. */
async function open(database: DatabaseConfig): Promise<Opened> {
  const storage = await openExchangeLog(database, () => {});
  await storage.close();
  const file = findLog(database);
  return { file, storage: await openExchangeLog(database, () => {}, { readOnly: true }) };
}

function findLog(database: DatabaseConfig): string | undefined {
  return database.driver === "sqlite" ? findFile(database.path) : undefined;
}

/** One question at a time needs few connections. */
function few(database: DatabaseConfig): DatabaseConfig {
  return database.driver === "sqlite" ? database : { ...database, poolSize: 2, maxIdle: 0 };
}
