import type { DatabaseConfig } from "../storage/database.ts";
import {
  type AskExchanges,
  type ExchangeAnswers,
  ExchangeLogFault,
  type ExchangeQuestion,
} from "../storage/exchange-questions.ts";
import type { FromDesk, ToDesk } from "./exchange-desk-worker.ts";

/** Where the exchange log is asked, off the request thread. */
export type ExchangeDesk = {
  readonly ask: AskExchanges;
  /** Ends its thread; what is asked then is a fault. */
  readonly close: () => void;
};

/** What it is opened with. */
export type ExchangeDeskParts = {
  /** Where the log lies. */
  readonly settings: DatabaseConfig;
  /** Starts the thread. */
  readonly createWorker: () => Worker;
  /** How long an answer may take from its question on, and how long the thread waits for the next question. Milliseconds. */
  readonly answerWithinMs?: number;
  readonly idleMs?: number;
  readonly maxWaiting?: number;
};

type Waiting = {
  readonly question: ExchangeQuestion;
  readonly settle: (message: FromDesk) => void;
  readonly fail: (error: Error) => void;
};

/** Opens the desk; its thread starts with the first question. Questions are answered one after the other. */
export function openExchangeDesk({
  settings,
  createWorker,
  answerWithinMs = 10_000,
  idleMs = 60_000,
  maxWaiting = 64,
}: ExchangeDeskParts): ExchangeDesk {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  /** The question that the thread has. */
  let asked: number | undefined;
  let nextId = 1;
  let idleTimer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  return {
    async ask<Q extends ExchangeQuestion>(question: Q) {
      const value = await new Promise<unknown>((resolve, reject) => enqueue(question, resolve, reject));
      // The thread answers each question with what `ExchangeAnswers` says.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return value as ExchangeAnswers[Q["kind"]];
    },
    close() {
      closed = true;
      end();
      for (const { fail } of waiting.values()) fail(new ExchangeLogFault("The gateway is stopping. Ask again later"));
    },
  };

  function enqueue(
    question: ExchangeQuestion,
    resolve: (value: unknown) => void,
    reject: (error: Error) => void,
  ): void {
    if (closed) return reject(new ExchangeLogFault("The gateway is stopping. Ask again later"));
    if (waiting.size >= maxWaiting)
      return reject(new ExchangeLogFault("Too much is asked of the exchange log at once. Ask again in a moment"));
    const id = nextId;
    nextId += 1;
    const timer = setTimeout(() => giveUp(id), answerWithinMs);
    const done = () => {
      clearTimeout(timer);
      waiting.delete(id);
    };
    waiting.set(id, {
      question,
      settle(message) {
        done();
        if (message.kind === "answer") return resolve(message.value);
        reject(
          message.unavailable
            ? new ExchangeLogFault(unavailable, { cause: new Error(message.message) })
            : new Error(message.message),
        );
      },
      fail(error) {
        done();
        reject(error);
      },
    });
    askNext();
  }

  /** One at a time, so that a question which takes too long is the only one that its thread takes with it. */
  function askNext(): void {
    if (asked !== undefined) return;
    const [next] = waiting;
    clearTimeout(idleTimer);
    if (next === undefined) {
      idleTimer = setTimeout(end, idleMs);
      idleTimer.unref();
      return;
    }
    const [id, { question }] = next;
    asked = id;
    worker ??= start();
    worker.postMessage({ kind: "ask", id, question } satisfies ToDesk);
  }

  function start(): Worker {
    const started = createWorker();
    started.addEventListener("message", ({ data }: MessageEvent<FromDesk>) => {
      if (worker !== started || data.id !== asked) return;
      asked = undefined;
      waiting.get(data.id)?.settle(data);
      askNext();
    });
    const lose = (reason: string) => {
      if (worker === started) drop(new Error(`The thread that reads the exchange log died: ${reason}`));
    };
    started.addEventListener("error", ({ message }) => lose(message));
    started.addEventListener("close", () => lose("it ended"));
    started.postMessage({ kind: "open", database: settings } satisfies ToDesk);
    return started;
  }

  function giveUp(id: number): void {
    const late = new ExchangeLogFault("The exchange log took too long. Ask for less: a shorter time, or fewer filters");
    if (id === asked) drop(late);
    else waiting.get(id)?.fail(late);
  }

  /** A thread that is in the middle of a question can't be told to leave it. */
  function drop(error: Error): void {
    const lost = asked;
    end();
    if (lost !== undefined) waiting.get(lost)?.fail(error);
    askNext();
  }

  function end(): void {
    clearTimeout(idleTimer);
    asked = undefined;
    const ended = worker;
    worker = undefined;
    ended?.terminate();
  }
}

const unavailable =
  "The exchange log's database doesn't answer as it should. Try again later; the log says what is wrong";
