import type { Capture, Hand } from "../domain/capture.ts";
import type { ExchangeSummary } from "../domain/exchange-summary.ts";
import type { Settlement } from "../domain/settlement.ts";
import type { DropReason } from "../outbox/outbox.ts";
import { createCaptureQueue, fullBatch } from "./capture-queue.ts";
import type { About, Answers, FromWorker, Question, ToWorker, WorkerSettings } from "./protocol.ts";
import { readSettlements } from "./settlement-figures.ts";

/** The request thread's end of telemetry. */
export type Telemetry = {
  readonly hand: Hand;
  /** Asks the worker, which has everything by then that was handed over before; `undefined` where it doesn't answer in time. */
  readonly ask: <Q extends Question>(question: Q, about?: About) => Promise<Answers[Q] | undefined>;
  /** Whether `onEnded` gets each exchange. */
  readonly watch: (on: boolean) => void;
  readonly state: () => {
    readonly queue: { readonly records: number; readonly bytes: number; readonly bodiesDropped: number };
    readonly lost: number;
    readonly restarts: number;
    /** Exchanges whose record was not durable in the time that `DURABILITY=strict` gives it. */
    readonly late: number;
  };
  /**
   * Starts the worker anew with other settings, if they are others; captures wait meanwhile. Throws what is wrong with them, and
   * the former ones hold again.
   */
  readonly change: (next: WorkerSettings) => Promise<void>;
  /** Hands over what waits, lets sinks take what they can within `flushMs`, and ends the worker; returns how many records stay in the outbox. */
  readonly close: (flushMs: number) => Promise<number>;
};

/** What telemetry is opened with. */
export type TelemetryParts = {
  readonly settings: WorkerSettings;
  /** Starts the thread. */
  readonly createWorker: () => Worker;
  /** Gets what metered exchanges really took. */
  readonly onSettled?: (settled: readonly Settlement[]) => void;
  /** Gets exchanges once they are recorded, while they are watched. */
  readonly onEnded?: (exchanges: readonly ExchangeSummary[]) => void;
  /** Says once a minute at most what went wrong, for the log. */
  readonly onTrouble: (about: Readonly<Record<string, unknown>>, phrase: string) => void;
};

/** Who waits for a record to be durable, and until when. */
type Waiter = {
  readonly resolve: (durable: boolean) => void;
  timer: ReturnType<typeof setTimeout> | undefined;
};

const restartAfterMs = 500;
/** One that takes longer to open may never do so. */
const changeWithinMs = 10_000;
const answerWithinMs = 2_000;
const sayAgainAfterMs = 60_000;

/** Opens telemetry; throws what the worker finds wrong with its settings or its files. */
export async function openTelemetry({
  settings: first,
  createWorker,
  onSettled,
  onEnded,
  onTrouble,
}: TelemetryParts): Promise<Telemetry> {
  const { captureQueueBytes, captureQueueCount, durability, strictTimeoutMs, outbox } = first.telemetry;
  const queue = createCaptureQueue({
    maxBytes: captureQueueBytes,
    ...(captureQueueCount === undefined ? {} : { maxCount: captureQueueCount }),
  });
  const strict = durability === "strict";
  const waiters = new Map<number, Waiter[]>();
  const questions = new Map<number, (value: unknown) => void>();
  const lostByReason = new Map<DropReason, number>();
  let settings = first;
  let worker: Worker | undefined;
  let nextQuestion = 1;
  /** Batches that are with the worker. */
  let unacknowledged = 0;
  /** What waits goes with the next acknowledgement. */
  let due = false;
  let flushTimer: ReturnType<typeof setTimeout> | undefined;
  let lost = 0;
  let lostSaid = 0;
  let sayAgainAt = Number.NEGATIVE_INFINITY;
  let restarts = 0;
  let late = 0;
  let closing = false;
  /** One worker takes the place of another. */
  let changing = false;
  let watched = false;
  let onClosed: ((pending: number) => void) | undefined;
  await start();

  return { hand, ask, watch, change, close, state: () => ({ queue: queue.state(), lost, restarts, late }) };

  function hand(capture: Capture): Promise<boolean> | undefined {
    const batch = queue.add(capture);
    if (batch === undefined) {
      countLost("queue_full", 1);
      return strict ? countLate(Promise.resolve(false)) : undefined;
    }
    if (strict || queue.state().bytes > fullBatch) flushInTurn();
    else flushSoon();
    return strict ? countLate(waitFor(batch)) : undefined;
  }

  async function countLate(durable: Promise<boolean>): Promise<boolean> {
    const inTime = await durable;
    if (!inTime) late += 1;
    return inTime;
  }

  function flushSoon(): void {
    flushTimer ??= setTimeout(flushInTurn, outbox.flushMs);
  }

  /** Batches don't queue up at a busy worker: what comes meanwhile goes together, as soon as it has the last one done. */
  function flushInTurn(): void {
    if (unacknowledged === 0) flush();
    else due = true;
  }

  function flush(): void {
    clearTimeout(flushTimer);
    flushTimer = undefined;
    due = false;
    if (!worker) return;
    for (let batch = queue.take(); batch; batch = queue.take()) {
      unacknowledged += 1;
      send(batch, [batch.bytes]);
    }
    for (const [reason, count] of lostByReason) send({ kind: "lost", reason, count });
    lostByReason.clear();
  }

  function waitFor(batch: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter: Waiter = { resolve, timer: undefined };
      const waiting = waiters.get(batch);
      if (waiting) waiting.push(waiter);
      else waiters.set(batch, [waiter]);
      if (!changing) startTimer(waiter);
    });
  }

  function startTimer(waiter: Waiter): void {
    waiter.timer = setTimeout(waiter.resolve, strictTimeoutMs, false);
  }

  function settle(batch: number, durable: boolean): void {
    for (const { resolve, timer } of waiters.get(batch) ?? []) {
      clearTimeout(timer);
      resolve(durable);
    }
    waiters.delete(batch);
  }

  function countLost(reason: DropReason, count: number): void {
    lost += count;
    lostByReason.set(reason, (lostByReason.get(reason) ?? 0) + count);
    sayLost();
    flushSoon();
  }

  function sayLost(): void {
    const now = performance.now();
    if (now < sayAgainAt) return;
    sayAgainAt = now + sayAgainAfterMs;
    onTrouble({ lost: lost - lostSaid, reasons: [...lostByReason.keys()] }, "exchanges were not recorded");
    lostSaid = lost;
  }

  function send(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    worker?.postMessage(message, transfer);
  }

  function start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const started = createWorker();
      started.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
        switch (data.kind) {
          case "opened":
            worker = started;
            if (watched) watch(true);
            flush();
            return resolve();
          case "fault":
            started.terminate();
            return reject(new Error(data.message));
          case "appended":
            // One that was given up already may still be heard of.
            unacknowledged = Math.max(0, unacknowledged - 1);
            queue.acknowledge(data.number, data.bytes);
            if (data.settled.length > 0) onSettled?.(readSettlements(data.settled));
            settle(data.number, true);
            if (due) flush();
            return;
          case "ended":
            return onEnded?.(data.exchanges);
          case "answer":
            questions.get(data.id)?.(data.value);
            return void questions.delete(data.id);
          case "closed":
            return onClosed?.(data.pending);
        }
      });
      const end = (reason: string) => {
        reject(new Error(reason));
        lose(started, reason);
      };
      started.addEventListener("error", ({ message }) => end(readReason(message)));
      started.addEventListener("close", () => end("it ended"));
      started.postMessage({ kind: "open", settings } satisfies ToWorker);
    });
  }

  /** A worker that died takes with it what it had not acknowledged; the next one goes on. */
  function lose(dead: Worker, reason: string): void {
    if (worker !== dead) return;
    worker = undefined;
    if (closing) return onClosed?.(0);
    const records = giveUpSent();
    restarts += 1;
    onTrouble({ reason, lost: records }, "the telemetry worker died and is started again");
    restart();
  }

  /** What was with a worker that answers no more is lost, and counted; who waits for anything else waits on. */
  function giveUpSent(): number {
    unacknowledged = 0;
    const { batches, records } = queue.giveUpSent();
    for (const batch of batches) settle(batch, false);
    for (const tell of questions.values()) tell(undefined);
    questions.clear();
    if (records > 0) countLost("worker_lost", records);
    return records;
  }

  function restart(): void {
    setTimeout(() => {
      if (closing) return;
      start().catch((error: unknown) => {
        onTrouble({ err: error }, "the telemetry worker could not be started and is tried again");
        restart();
      });
    }, restartAfterMs);
  }

  function ask<Q extends Question>(question: Q, about: About = {}): Promise<Answers[Q] | undefined> {
    if (!worker) return Promise.resolve(undefined);
    const id = nextQuestion;
    nextQuestion += 1;
    flush();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        questions.delete(id);
        resolve(undefined);
      }, answerWithinMs);
      questions.set(id, (value) => {
        clearTimeout(timer);
        // The worker answers each question with what `Answers` says.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        resolve(value as Answers[Q]);
      });
      send({ kind: "ask", id, question, about });
    });
  }

  function watch(on: boolean): void {
    watched = on;
    send({ kind: "watch", on });
  }

  /** Nobody's record is late because of what an operator does. */
  function stopTime(): void {
    changing = true;
    for (const waiter of [...waiters.values()].flat()) clearTimeout(waiter.timer);
  }

  function goOn(): void {
    if (!changing) return;
    changing = false;
    for (const waiter of [...waiters.values()].flat()) startTimer(waiter);
  }

  async function change(next: WorkerSettings): Promise<void> {
    const former = settings;
    if (JSON.stringify(next) === JSON.stringify(former)) return;
    // One that has died is about to be started again, with what holds then.
    settings = next;
    if (!worker) return;
    stopTime();
    const patience = setTimeout(goOn, changeWithinMs);
    try {
      await endWorker(0);
      await start();
    } catch (error) {
      settings = former;
      await start().catch(restart);
      throw error;
    } finally {
      clearTimeout(patience);
      goOn();
    }
  }

  async function close(flushMs: number): Promise<number> {
    closing = true;
    return endWorker(flushMs);
  }

  /** Lets the worker finish what it was given; what comes from now on waits for the next one. */
  async function endWorker(flushMs: number): Promise<number> {
    flush();
    const ending = worker;
    const pending = await new Promise<number>((resolve) => {
      onClosed = resolve;
      if (!ending) return resolve(0);
      setTimeout(resolve, flushMs + 2_000, 0).unref();
      send({ kind: "close", flushMs });
      if (!closing) worker = undefined;
    });
    onClosed = undefined;
    ending?.terminate();
    if (!closing) giveUpSent();
    return pending;
  }
}

/** What was thrown, without the source around it that the runtime shows. */
function readReason(message: string): string {
  const lines = message.split("\n");
  return lines.find((line) => /^\w*error: /i.test(line)) ?? lines[0] ?? "";
}
