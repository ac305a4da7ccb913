import { expect, test } from "bun:test";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { Outbox } from "./outbox.ts";
import { openSqliteOutbox } from "./sqlite-outbox.ts";
import { imbalance, makeDirectory, makeRecord } from "./test-support.ts";

const sinks = ["a", "b"] as const;
type SinkName = (typeof sinks)[number];

/** What the books must say, as far as it can be known without knowing what is shed. */
type Model = { appended: number; received: Record<SinkName, number>; inUse: readonly SinkName[] };

type Real = { outbox: Outbox; path: string; now: number; copies: number };
type Command = fc.Command<Model, Real>;

function check(name: string, run: (model: Model, real: Real) => void): Command {
  return {
    check: () => true,
    run(model, real) {
      run(model, real);
      expectSound(model, real);
    },
    toString: () => name,
  };
}

function expectSound({ received, inUse }: Model, { outbox }: Real): void {
  for (const sink of sinks) {
    const counts = outbox.counts(sink);
    expect(imbalance(counts)).toBe(0);
    expect(counts.received).toBe(received[sink]);
  }
  for (const sink of inUse) {
    const counts = outbox.counts(sink);
    const records = outbox.read(sink, { count: Infinity, bytes: Infinity });
    expect(records.length).toBe(outbox.counts(sink).pending);
    expect(records.every(({ seq }, at) => at === 0 || seq > (records[at - 1]?.seq ?? 0))).toBe(true);
    expect(Object.values(counts).every((count) => typeof count !== "number" || count >= 0)).toBe(true);
  }
}

function open(path: string, inUse: readonly SinkName[], real: { now: number }): Outbox {
  return openSqliteOutbox({
    path,
    sinks: inUse,
    maxBytes: 250_000,
    maxAgeMs: 60_000,
    maxDeadLetters: 6,
    now: () => real.now,
  });
}

const sinkName = fc.constantFrom(...sinks);

const append = fc
  .record({
    count: fc.integer({ min: 1, max: 12 }),
    characters: fc.constantFrom(10, 5000, 40_000),
    every: fc.integer({ min: 2, max: 5 }),
  })
  .map(({ count, characters, every }) =>
    check(`append(${count} × ${characters})`, (model, { outbox }) => {
      outbox.append(
        Array.from({ length: count }, (_, at) => ({
          ...makeRecord(`${model.appended + at}`, { characters }),
          refusal: at % every === 0,
        })),
      );
      model.appended += count;
      for (const sink of model.inUse) model.received[sink] += count;
    }),
  );

const take = fc
  .record({
    sink: sinkName,
    count: fc.integer({ min: 1, max: 15 }),
    rejected: fc.nat(4),
    sampledOut: fc.nat(3),
    acknowledged: fc.boolean(),
  })
  .map(({ sink, count, rejected, sampledOut, acknowledged }) =>
    check(
      `take(${sink}, ${count}, rejected ${rejected}, sampled out ${sampledOut}, ${acknowledged})`,
      (_, { outbox }) => {
        const records = outbox.read(sink, { count, bytes: Infinity });
        for (const record of records.slice(0, rejected)) outbox.reject(sink, record, "no");
        if (acknowledged) outbox.ack(sink, records.at(-1)?.seq ?? 0, sampledOut);
      },
    ),
  );

const overshoot = sinkName.map((sink) =>
  check(`ack(${sink}, everything)`, (_, { outbox }) => outbox.ack(sink, Infinity)),
);

const lose = fc.integer({ min: 1, max: 9 }).map((count) =>
  check(`lose(${count})`, (model, { outbox }) => {
    outbox.countLost("queue_full", count);
    for (const sink of model.inUse) model.received[sink] += count;
  }),
);

const retry = fc.option(sinkName, { nil: undefined }).map((sink) =>
  check(`retry(${sink})`, (model, { outbox }) => {
    const asked = outbox.retryDead(sink);
    let revived = 0;
    for (const name of model.inUse) {
      const { received } = outbox.counts(name);
      revived += received - model.received[name];
      model.received[name] = received;
    }
    expect(revived).toBeLessThanOrEqual(asked);
  }),
);

const purge = fc.option(sinkName, { nil: undefined }).map((sink) =>
  check(`purge(${sink})`, (_, { outbox }) => {
    outbox.purgeDead(sink);
    expect(outbox.deadLetters(sink, 1).every((letter) => outbox.counts(letter.sink).pending >= 0)).toBe(true);
  }),
);

const wait = fc.constantFrom(10, 2000, 30_000).map((ms) => check(`wait(${ms})`, (_, real) => void (real.now += ms)));

const reopen = fc.subarray([...sinks], { minLength: 1 }).map((inUse) =>
  check(`reopen(${inUse.join()})`, (model, real) => {
    real.outbox.close();
    real.outbox = open(real.path, inUse, real);
    model.inUse = inUse;
    for (const sink of sinks) model.received[sink] = real.outbox.counts(sink).received;
  }),
);

/** What a killed process leaves: the files as they are, with what was only in memory gone. */
const crash = fc.constant(
  check("crash()", (model, real) => {
    // Upkeep is due, so that what has become too old goes before the crash, as it would after it.
    real.now += 1000;
    expectSound(model, real);
    real.copies += 1;
    const copy = `${real.path}.${real.copies}.db`;
    for (const ending of ["", "-wal"])
      if (existsSync(real.path + ending)) copyFileSync(real.path + ending, copy + ending);
    const pending = model.inUse.map((sink) =>
      real.outbox.read(sink, { count: Infinity, bytes: Infinity }).map(({ id }) => id),
    );
    real.outbox.close();
    real.path = copy;
    real.outbox = open(copy, model.inUse, real);
    for (const [at, sink] of model.inUse.entries()) {
      const now = new Set(real.outbox.read(sink, { count: Infinity, bytes: Infinity }).map(({ id }) => id));
      // Some that were acknowledged may come again; none that was not may be gone.
      expect(pending[at]?.filter((id) => !now.has(id))).toEqual([]);
    }
    for (const sink of sinks) model.received[sink] = real.outbox.counts(sink).received;
  }),
);

test("the books add up after any appending, reading, rejecting, shedding, retrying, reopening and crashing", () => {
  fc.assert(
    fc.property(
      fc.commands([append, append, take, take, overshoot, lose, retry, purge, wait, reopen, crash], {
        maxCommands: 60,
        size: "max",
      }),
      (commands) => {
        using directory = makeDirectory();
        const path = join(directory.path, "outbox.db");
        const clock = { now: 1_000_000 };
        const real: Real = { outbox: open(path, sinks, clock), path, copies: 0, ...clock };
        real.outbox.close();
        real.outbox = open(path, sinks, real);
        try {
          fc.modelRun(() => ({ model: { appended: 0, received: { a: 0, b: 0 }, inUse: sinks }, real }), commands);
        } finally {
          real.outbox.close();
        }
      },
    ),
    { numRuns: 50 },
  );
}, 240_000);
