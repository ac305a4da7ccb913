import type { DeliveryResult, Sink, SinkRecord } from "../sinks/sink.ts";
import { createBreaker } from "./breaker.ts";
import type { SinkHealth } from "./breaker.ts";
import { createCaller } from "./sink-caller.ts";
import { silent } from "./log.ts";
import type { OutboxLog } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import { redact } from "./redact.ts";
import type { Bodies } from "./redact.ts";
import { isSampled } from "./sampling.ts";
import { sleep as systemSleep } from "./sleep.ts";
import type { Sleep } from "./sleep.ts";

/** The loop that carries records from the outbox to one sink. */
export type Delivery = {
  /** Says that something was appended. */
  readonly wake: () => void;
  /** Gives the sink so many milliseconds to take what waits; the rest stays in the outbox. */
  readonly stop: (deadlineMs: number) => Promise<void>;
  /** Gives the sink nothing more once its batch is done; what comes waits in the outbox. */
  readonly hold: () => void;
  /** Goes on. */
  readonly resume: () => void;
  readonly state: () => DeliveryState;
};

/** What the loop is at, and how the sink has been doing. */
type DeliveryState = SinkHealth & {
  /** `open`: it failed so often that it is tried with single records. */
  readonly phase: "idle" | "delivering" | "backing_off" | "open" | "held" | "stopped";
};

/** What a delivery is made of. */
export type DeliveryParts = {
  readonly outbox: Pick<Outbox, "read" | "ack" | "reject">;
  readonly sink: Sink;
  /** The share of exchanges that the sink gets, from 0 to 1. */
  readonly sample?: number;
  readonly bodies?: Bodies;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly sleep?: Sleep;
  readonly log?: OutboxLog;
};

/** A batch that isn't full waits so long for company. */
const lingerMs = 100;
/** How often an outbox is looked into where nobody says that there is something. */
const idleMs = 1000;
const reportEveryMs = 60_000;

type Failure = Extract<DeliveryResult, { kind: "retry" }>;

/** Starts delivering to a sink, by itself and on its own: what this sink does or fails to do holds nobody else. */
export function createDelivery({
  outbox,
  sink,
  sample = 1,
  bodies = "full",
  now = Date.now,
  random = Math.random,
  sleep = systemSleep,
  log = silent,
}: DeliveryParts): Delivery {
  const breaker = createBreaker({ now, random });
  const caller = createCaller({ sink, sleep });
  let phase: DeliveryState["phase"] = "idle";
  /** Ends the pauses that are under way. */
  let rest = new AbortController();
  let woken = false;
  let dozing = false;
  let held = false;
  /** Ends the wait for something to do. */
  let rouse = () => {};
  /** When the loop has to end; absent while nobody has asked. */
  let stopAt: number | undefined;
  let rejections = { count: 0, saidAt: -Infinity };
  const loop = run();

  async function run(): Promise<void> {
    let lingered = false;
    while (!isOver()) {
      if (held) {
        if (stopAt !== undefined) break;
        await idle();
        continue;
      }
      const batch = outbox.read(sink.name, breaker.isOpen() ? { ...sink.batch, count: 1 } : sink.batch);
      if (batch.length === 0) {
        if (stopAt !== undefined) break;
        await idle();
      } else if (!lingered && stopAt === undefined && !isFull(batch, sink.batch)) {
        lingered = true;
        await pause(lingerMs);
      } else {
        lingered = false;
        phase = "delivering";
        const failure = await settle(batch);
        if (failure !== undefined && !(await backOff(failure))) break;
        await takeTurns();
      }
    }
    phase = "stopped";
  }

  function isOver(): boolean {
    return stopAt !== undefined && now() >= stopAt;
  }

  /** Waits until there may be something to do. */
  async function idle(): Promise<void> {
    phase = held ? "held" : "idle";
    if (!woken) {
      await new Promise<void>((resolve) => {
        rouse = resolve;
        doze();
      });
    }
    woken = false;
  }

  /** Rouses the loop after a while; whoever rouses it before leaves this be, which is cheaper than to begin it anew each time. */
  function doze(): void {
    if (dozing) return;
    dozing = true;
    void pause(idleMs).then(() => {
      dozing = false;
      rouse();
    });
  }

  function pause(ms: number): Promise<void> {
    return sleep(ms, rest.signal);
  }

  /** Waits after a failure; says whether trying again is worth it. */
  async function backOff({ reason, afterMs }: Failure): Promise<boolean> {
    const wait = breaker.fail(reason, afterMs);
    const { consecutiveFailures: failures } = breaker.health();
    if (failures === 1) log.warn({ sink: sink.name, reason }, "a sink fails, its records wait");
    phase = breaker.isOpen() ? "open" : "backing_off";
    if (stopAt !== undefined && now() + wait >= stopAt) return false;
    await pause(wait);
    return true;
  }

  /** Gives records to the sink and settles them in the outbox; what could not be settled is read again later. */
  async function settle(records: readonly SinkRecord[]): Promise<Failure | undefined> {
    const sampled = records.filter(({ id }) => isSampled(id, sample));
    const shown = sampled.map((record) => redact(record, bodies)).filter((record) => record !== undefined);
    const result = shown.length === 0 ? taken : await caller.call(shown);
    if (result.kind === "retry") return result;
    if (breaker.succeed()) log.info({ sink: sink.name }, "a sink takes records again");
    if (result.kind === "refused" && shown.length > 1) {
      const middle = Math.ceil(records.length / 2);
      return (await settle(records.slice(0, middle))) ?? settle(records.slice(middle));
    }
    const reasons = reasonsOf(result, shown);
    const readable = new Set(shown.map(({ seq }) => seq));
    for (const record of sampled) {
      const reason = readable.has(record.seq) ? reasons.get(record.id) : "its line is not JSON";
      if (reason !== undefined) reject(record, reason);
    }
    outbox.ack(sink.name, records.at(-1)?.seq ?? 0, records.length - sampled.length);
    return undefined;
  }

  function reject(record: SinkRecord, reason: string): void {
    outbox.reject(sink.name, record, reason);
    rejections = { ...rejections, count: rejections.count + 1 };
    if (now() < rejections.saidAt + reportEveryMs) return;
    log.warn({ sink: sink.name, exchange_id: record.id, reason, rejected: rejections.count }, "a sink rejects records");
    rejections = { count: 0, saidAt: now() };
  }

  return {
    wake() {
      woken = true;
      rouse();
    },
    async stop(deadlineMs) {
      stopAt = now() + deadlineMs;
      rest.abort();
      rest = new AbortController();
      const stopped = new AbortController();
      void sleep(deadlineMs, stopped.signal).then(() => caller.cut());
      await loop;
      stopped.abort();
    },
    hold() {
      held = true;
    },
    resume() {
      held = false;
      woken = true;
      rouse();
    },
    state: () => ({ ...breaker.health(), phase: held ? "held" : phase }),
  };
}

/** Lets what came meanwhile be appended first: a sink that answers at once would else hold the thread for all of a backlog. */
function takeTurns(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const taken: Exclude<DeliveryResult, Failure> = { kind: "delivered" };

/** Why each rejected record was, by its id. */
function reasonsOf(
  result: Exclude<DeliveryResult, Failure>,
  shown: readonly SinkRecord[],
): ReadonlyMap<string, string> {
  const rejected = result.kind === "refused" ? shown.map(({ id }) => ({ id, reason: result.reason })) : result.rejected;
  return new Map(rejected?.map(({ id, reason }) => [id, reason]));
}

/** Whether waiting could add little: the next record may not fit where half of the room is used. */
function isFull(batch: readonly SinkRecord[], { count, bytes }: Sink["batch"]): boolean {
  if (batch.length >= count) return true;
  return batch.reduce((sum, { json }) => sum + json.length, 0) >= bytes / 2;
}
