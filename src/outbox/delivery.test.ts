import { expect, test } from "bun:test";
import type { DeliveryResult, Sink, SinkRecord } from "../sinks/sink.ts";
import { createDelivery } from "./delivery.ts";
import type { Delivery, DeliveryParts } from "./delivery.ts";
import type { Outbox } from "./outbox.ts";
import { isSampled } from "./sampling.ts";
import { openSqliteOutbox } from "./sqlite-outbox.ts";
import { createTestClock, imbalance, makeDirectory, makeRecords } from "./test-support.ts";

type Answer = DeliveryResult | "hang" | "throw" | ((batch: readonly SinkRecord[]) => DeliveryResult);

const delivered = { kind: "delivered" } as const;

/** A sink that answers as it is told, then delivers; it keeps what it got. */
function createScriptedSink(script: Answer[] = [], batch = { count: 100, bytes: 1e6 }) {
  const calls: {
    readonly ids: readonly string[];
    readonly records: readonly SinkRecord[];
    readonly signal: AbortSignal;
  }[] = [];
  const sink: Sink = {
    name: "a",
    batch,
    deadlineMs: 5000,
    target: "nowhere",
    async deliver(records, signal) {
      calls.push({ ids: records.map(({ id }) => id), records: [...records], signal });
      const answer = script.shift() ?? delivered;
      if (answer === "hang") return new Promise(() => {});
      if (answer === "throw") throw new Error("it broke");
      return typeof answer === "function" ? answer(records) : answer;
    },
  };
  return { sink, calls, ids: () => calls.flatMap(({ ids }) => ids) };
}

/** An outbox, a delivery over it and a clock that moves when the test says so. */
function createBench(sink: Sink, parts: Partial<DeliveryParts> = {}) {
  const directory = makeDirectory();
  const clock = createTestClock();
  const outbox: Outbox = openSqliteOutbox({ path: `${directory.path}/outbox.db`, sinks: ["a", "b"], maxAgeMs: 0 });
  const delivery: Delivery = createDelivery({
    outbox,
    sink,
    now: clock.now,
    sleep: clock.sleep,
    random: () => 1,
    ...parts,
  });
  return {
    outbox,
    delivery,
    clock,
    append(prefix: string, count: number) {
      outbox.append(makeRecords(prefix, count));
      delivery.wake();
    },
    async [Symbol.asyncDispose]() {
      const stopped = delivery.stop(0);
      await clock.pass(0);
      await stopped;
      outbox.close();
      directory[Symbol.dispose]();
    },
  };
}

test("a lone exchange is delivered within a fifth of a second", async () => {
  const { sink, ids } = createScriptedSink();
  await using bench = createBench(sink);
  await bench.clock.pass(10_000);
  bench.append("x", 1);
  await bench.clock.pass(200);
  expect(ids()).toEqual(["x-0"]);
  expect(bench.outbox.counts("a")).toMatchObject({ delivered: 1, pending: 0 });
});

test("what comes in close succession is delivered together", async () => {
  const { sink, calls } = createScriptedSink();
  await using bench = createBench(sink);
  for (let at = 0; at < 8; at += 1) {
    bench.append(`x${at}`, 2);
    await bench.clock.pass(10);
  }
  await bench.clock.pass(200);
  expect(calls.map(({ ids }) => ids.length)).toEqual([16]);
});

test("full batches don't wait", async () => {
  const { sink, calls } = createScriptedSink([], { count: 10, bytes: 1e6 });
  await using bench = createBench(sink);
  bench.append("x", 50);
  await bench.clock.pass(0);
  expect(calls.map(({ ids }) => ids.length)).toEqual([10, 10, 10, 10, 10]);
});

test("what another process put back is found without a wake", async () => {
  const { sink, ids } = createScriptedSink();
  await using bench = createBench(sink);
  await bench.clock.pass(5);
  bench.outbox.append(makeRecords("x", 1));
  await bench.clock.pass(1200);
  expect(ids()).toEqual(["x-0"]);
});

test("a failing sink is tried again later and later, with everything, and its state says so", async () => {
  const down = { kind: "retry", reason: "503 from nowhere" } as const;
  const { sink, calls } = createScriptedSink([down, down, "throw"]);
  await using bench = createBench(sink);
  bench.append("x", 3);
  await bench.clock.pass(100);
  expect(calls).toHaveLength(1);
  expect(bench.delivery.state()).toMatchObject({
    phase: "backing_off",
    consecutiveFailures: 1,
    lastError: "503 from nowhere",
  });
  await bench.clock.pass(499);
  expect(calls).toHaveLength(1);
  await bench.clock.pass(101);
  expect(calls).toHaveLength(2);
  await bench.clock.pass(1100);
  expect(calls).toHaveLength(3);
  expect(bench.delivery.state()).toMatchObject({ consecutiveFailures: 3, lastError: "it broke" });
  expect(bench.outbox.counts("a")).toMatchObject({ pending: 3, delivered: 0 });
  await bench.clock.pass(2200);
  expect(calls.map(({ ids }) => ids)).toEqual(Array.from({ length: 4 }, () => ["x-0", "x-1", "x-2"]));
  expect(bench.outbox.counts("a")).toMatchObject({ pending: 0, delivered: 3 });
  expect(bench.delivery.state()).toMatchObject({ phase: "idle", consecutiveFailures: 0 });
  expect(bench.delivery.state().lastError).toBeUndefined();
});

test("a sink that names its time is left alone until then", async () => {
  const { sink, calls } = createScriptedSink([{ kind: "retry", reason: "429", afterMs: 60_000 }]);
  await using bench = createBench(sink);
  bench.append("x", 1);
  await bench.clock.pass(59_000);
  expect(calls).toHaveLength(1);
  await bench.clock.pass(8000);
  expect(calls).toHaveLength(2);
});

test("a hung sink is cut by its deadline and tried again", async () => {
  const { sink, calls } = createScriptedSink(["hang"]);
  await using bench = createBench(sink);
  bench.append("x", 2);
  await bench.clock.pass(4900);
  expect(calls[0]?.signal.aborted).toBe(false);
  expect(bench.delivery.state().phase).toBe("delivering");
  await bench.clock.pass(300);
  expect(calls[0]?.signal.aborted).toBe(true);
  expect(bench.delivery.state().lastError).toBe("no answer within 5000 ms");
  await bench.clock.pass(700);
  expect(calls).toHaveLength(2);
  expect(bench.outbox.counts("a")).toMatchObject({ delivered: 2, pending: 0 });
});

test("a sink that ignores its signal for ever is not called without bound", async () => {
  const { sink, calls } = createScriptedSink(Array.from({ length: 50 }, () => "hang" as const));
  await using bench = createBench(sink);
  bench.append("x", 1);
  await bench.clock.pass(600_000);
  expect(calls).toHaveLength(4);
  expect(bench.delivery.state().lastError).toBe("4 deliveries hang");
});

test("after five failures a sink is tried with a single record until it takes one", async () => {
  const { sink, calls } = createScriptedSink(Array.from({ length: 6 }, () => "throw" as const));
  await using bench = createBench(sink);
  bench.append("x", 5);
  await bench.clock.pass(20_000);
  expect(bench.delivery.state().phase).toBe("open");
  await bench.clock.pass(40_000);
  expect(calls.map(({ ids }) => ids.length)).toEqual([5, 5, 5, 5, 5, 1, 1, 4]);
  expect(bench.outbox.counts("a")).toMatchObject({ delivered: 5, pending: 0 });
});

test("one bad record among a hundred is found by halving, and all others are delivered once", async () => {
  const taken: string[] = [];
  const refuseBad = (batch: readonly SinkRecord[]): DeliveryResult => {
    if (batch.some(({ id }) => id === "x-37")) return { kind: "refused", reason: "400: it stinks" };
    taken.push(...batch.map(({ id }) => id));
    return delivered;
  };
  const { sink, calls } = createScriptedSink(Array.from({ length: 50 }, () => refuseBad));
  await using bench = createBench(sink);
  bench.append("x", 100);
  await bench.clock.pass(200);
  expect(taken.toSorted()).toEqual(
    makeRecords("x", 100)
      .map(({ id }) => id)
      .filter((id) => id !== "x-37")
      .toSorted(),
  );
  expect(calls.length).toBeLessThanOrEqual(16);
  expect(bench.outbox.counts("a")).toMatchObject({ delivered: 99, rejected: 1, pending: 0 });
  expect(bench.outbox.deadLetters("a", 5)).toMatchObject([{ id: "x-37", reason: "400: it stinks" }]);
});

test("a failure in the middle of halving keeps what was taken", async () => {
  const { sink, ids } = createScriptedSink([
    { kind: "refused", reason: "400" },
    delivered,
    { kind: "retry", reason: "503" },
  ]);
  await using bench = createBench(sink);
  bench.append("x", 4);
  await bench.clock.pass(300);
  expect(bench.outbox.counts("a")).toMatchObject({ delivered: 2, pending: 2 });
  await bench.clock.pass(1000);
  expect(ids().slice(-2)).toEqual(["x-2", "x-3"]);
  expect(bench.outbox.counts("a")).toMatchObject({ delivered: 4, pending: 0 });
});

test("rejected records of a delivered batch become dead letters with the sink's reasons", async () => {
  const { sink } = createScriptedSink([
    {
      kind: "delivered",
      rejected: [
        { id: "x-1", reason: "422" },
        { id: "not ours", reason: "?" },
      ],
    },
  ]);
  await using bench = createBench(sink);
  bench.append("x", 3);
  await bench.clock.pass(200);
  expect(bench.outbox.counts("a")).toMatchObject({ delivered: 2, rejected: 1, pending: 0 });
  expect(bench.outbox.deadLetters("a", 5)).toMatchObject([{ id: "x-1", reason: "422" }]);
});

test("a record that can't be read is rejected, and holds nobody", async () => {
  const { sink } = createScriptedSink();
  const readAll: Sink = {
    ...sink,
    async deliver(batch) {
      return {
        kind: "delivered",
        rejected: batch.filter(({ exchange }) => exchange.id === "never").map(({ id }) => ({ id, reason: "" })),
      };
    },
  };
  for (const bodies of ["full", "metadata"] as const) {
    await using bench = createBench(readAll, { bodies });
    bench.outbox.append([...makeRecords("x", 2), { id: "torn", json: "{", refusal: false }, ...makeRecords("y", 2)]);
    bench.delivery.wake();
    await bench.clock.pass(1000);
    expect(bench.outbox.counts("a")).toMatchObject({ delivered: 4, rejected: 1, pending: 0 });
    expect(bench.outbox.deadLetters("a", 5)).toMatchObject([{ id: "torn" }]);
  }
});

test("sampling leaves out the same exchanges always, and counts them", async () => {
  const { sink, ids } = createScriptedSink([], { count: 30, bytes: 1e6 });
  await using bench = createBench(sink, { sample: 0.4 });
  bench.append("x", 200);
  await bench.clock.pass(1000);
  const expected = makeRecords("x", 200)
    .map(({ id }) => id)
    .filter((id) => isSampled(id, 0.4));
  expect(ids()).toEqual(expected);
  expect(bench.outbox.counts("a")).toMatchObject({
    received: 200,
    delivered: expected.length,
    sampledOut: 200 - expected.length,
    pending: 0,
  });
});

test("a sample of nothing never calls the sink", async () => {
  const { sink, calls } = createScriptedSink();
  await using bench = createBench(sink, { sample: 0 });
  bench.append("x", 20);
  await bench.clock.pass(1000);
  expect(calls).toEqual([]);
  expect(bench.outbox.counts("a")).toMatchObject({ sampledOut: 20, pending: 0 });
});

test("a sink without bodies never sees them", async () => {
  const { sink, calls } = createScriptedSink();
  await using bench = createBench(sink, { bodies: "off" });
  bench.append("x", 1);
  await bench.clock.pass(200);
  expect(calls[0]?.records[0]?.json).toBe('{"schema":1,"id":"x-0","model":"m"}');
});

test("a dead sink holds nobody else", async () => {
  const { sink: dead } = createScriptedSink(Array.from({ length: 50 }, () => "hang" as const));
  const { sink: living, ids } = createScriptedSink();
  await using bench = createBench(dead);
  const other = createDelivery({
    outbox: bench.outbox,
    sink: { ...living, name: "b" },
    now: bench.clock.now,
    sleep: bench.clock.sleep,
  });
  bench.append("x", 3);
  other.wake();
  await bench.clock.pass(200);
  expect(ids()).toEqual(["x-0", "x-1", "x-2"]);
  expect(bench.outbox.counts("b")).toMatchObject({ delivered: 3, pending: 0 });
  await other.stop(0);
});

test("stopping delivers what waits", async () => {
  const { sink, ids } = createScriptedSink([], { count: 10, bytes: 1e6 });
  await using bench = createBench(sink);
  bench.append("x", 35);
  await bench.delivery.stop(1000);
  expect(ids()).toHaveLength(35);
  expect(bench.delivery.state().phase).toBe("stopped");
});

test("stopping cuts a hung sink at its deadline, and leaves the rest in the outbox", async () => {
  const { sink, calls } = createScriptedSink(["hang"]);
  await using bench = createBench(sink);
  bench.append("x", 3);
  await bench.clock.pass(150);
  const stopped = bench.delivery.stop(1000);
  await bench.clock.pass(1000);
  await stopped;
  expect(calls).toHaveLength(1);
  expect(calls[0]?.signal.aborted).toBe(true);
  expect(bench.outbox.counts("a")).toMatchObject({ delivered: 0, pending: 3 });
  expect(imbalance(bench.outbox.counts("a"))).toBe(0);
});

test("stopping asks a failing sink once more, and doesn't wait for one that stays dead", async () => {
  const { sink, calls } = createScriptedSink(Array.from({ length: 50 }, () => "throw" as const));
  await using bench = createBench(sink);
  bench.append("x", 3);
  await bench.clock.pass(60_000);
  const before = calls.length;
  await bench.delivery.stop(5000);
  expect(calls.length).toBe(before + 1);
  expect(bench.outbox.counts("a").pending).toBe(3);
});

test("between two batches of a backlog, a delivery lets the thread do what else waits", async () => {
  using directory = makeDirectory();
  const outbox = openSqliteOutbox({ path: `${directory.path}/outbox.db`, sinks: ["file"] });
  outbox.append(makeRecords("x", 20));
  const { sink, ids } = createScriptedSink([], { count: 1, bytes: 1e6 });
  const turns: number[] = [];
  // Captures come as messages.
  const { port1, port2 } = new MessageChannel();
  port1.addEventListener("message", () => {
    turns.push(ids().length);
    if (ids().length < 20) port2.postMessage("capture");
  });
  port1.start();
  port2.postMessage("capture");
  const delivery = createDelivery({ outbox, sink: { ...sink, name: "file" } });
  while (ids().length < 20) await Bun.sleep(1);
  await delivery.stop(1000);
  outbox.close();
  port1.close();
  expect(turns.filter((count) => count > 0 && count < 20).length).toBeGreaterThan(5);
}, 60_000);

test("a sink that is held gets nothing, loses nothing, and goes on where it was", async () => {
  const { sink, ids } = createScriptedSink();
  await using bench = createBench(sink);
  bench.append("before", 2);
  await bench.clock.pass(200);
  expect(ids()).toHaveLength(2);
  bench.delivery.hold();
  bench.append("meanwhile", 3);
  await bench.clock.pass(10_000);
  expect(ids()).toHaveLength(2);
  expect(bench.delivery.state().phase).toBe("held");
  expect(bench.outbox.counts("a").pending).toBe(3);
  bench.delivery.resume();
  await bench.clock.pass(200);
  expect(ids()).toHaveLength(5);
  expect(bench.outbox.counts("a").pending).toBe(0);
});

test("a sink that is held when the program stops keeps what waits for the next start", async () => {
  const { sink, ids } = createScriptedSink();
  await using bench = createBench(sink);
  bench.delivery.hold();
  bench.append("one", 3);
  const stopped = bench.delivery.stop(5_000);
  await bench.clock.pass(0);
  await stopped;
  expect(ids()).toEqual([]);
  expect(bench.outbox.counts("a").pending).toBe(3);
});
