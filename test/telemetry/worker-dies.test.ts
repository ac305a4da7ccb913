import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TelemetryConfig } from "../../src/config/config.ts";
import type { Capture } from "../../src/domain/capture.ts";
import type { WorkerSettings } from "../../src/telemetry/protocol.ts";
import { openTelemetry, type Telemetry } from "../../src/telemetry/telemetry.ts";
import { waitFor } from "../weir.ts";

let dataDir: string;
let telemetry: Telemetry | undefined;
let said: string[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "weir-worker-"));
  said = [];
});

afterEach(async () => {
  await telemetry?.close(100);
  rmSync(dataDir, { recursive: true, force: true });
});

const dying = new URL("dying-worker.ts", import.meta.url).href;
const scriptOf = (text: string) => URL.createObjectURL(new Blob([text]));

function settingsOf(different: Partial<TelemetryConfig> = {}): WorkerSettings {
  const log = { level: "silent", format: "json", maxFileBytes: 1_000_000, maxFiles: 1 } as const;
  const file = { path: join(dataDir, "exchanges.jsonl"), maxBytes: 100_000_000, maxFiles: 3 };
  return {
    dataDir,
    version: "1.2.3",
    log,
    prices: { own: { models: {}, aliases: {} }, file: join(dataDir, "prices.json") },
    telemetry: {
      enabled: true,
      maxBodyBytes: 1_000_000,
      captureQueueBytes: 64_000_000,
      durability: "batched",
      strictTimeoutMs: 5_000,
      refusalsPerMinute: 600,
      outbox: { backend: "sqlite", flushMs: 5, maxBytes: 100_000_000, maxAgeMs: 86_400_000, fsync: "off" },
      sinks: [{ name: "file", values: file, bodies: "full", sample: 1 }],
      exchangeLog: {
        database: { driver: "sqlite", path: join(dataDir, "exchanges.db") },
        keepsRows: true,
        durable: false,
      },
      ...different,
    },
  };
}

function open(
  different: Partial<TelemetryConfig> = {},
  workers: () => Worker = () => new Worker(dying),
): Promise<Telemetry> {
  return openTelemetry({
    settings: settingsOf(different),
    createWorker: workers,
    onTrouble: (about, phrase) => said.push(`${phrase} ${JSON.stringify(about)}`),
  });
}

const nothing = { head: new Uint8Array(0), total: 0 };

function capture(id: string): Capture {
  return {
    id,
    traceId: "a".repeat(32),
    spanId: "b".repeat(16),
    transport: "http",
    method: "GET",
    path: "/v1/models",
    outcome: "answered",
    status: 200,
    startedAt: Date.now(),
    endedAfter: 1,
    attribution: {},
    request: nothing,
    response: nothing,
  };
}

/** The file sink's counts, when they are as wanted. */
function countsOf(
  opened: Telemetry,
  wanted: (counts: { readonly received: number; readonly pending: number }) => boolean,
) {
  return waitFor(async () => {
    const counts = (await opened.ask("status"))?.sinks[0]?.counts;
    return counts !== undefined && wanted(counts) ? counts : undefined;
  }, "The counts are never so");
}

test.each(["throw-now", "exit-now"])(
  "a worker that dies (%s) is started again, what it had not recorded is counted as lost, and the rest is recorded",
  async (poison) => {
    telemetry = await open();
    for (const id of ["a", "b", "c"]) void telemetry.hand(capture(id));
    await countsOf(telemetry, ({ received, pending }) => received === 3 && pending === 0);

    // One batch: all of it goes down together.
    for (const id of ["d", poison]) void telemetry.hand(capture(id));
    await waitFor(() => telemetry?.state().restarts === 1, "It was not started again");
    for (const id of ["e", "f"]) void telemetry.hand(capture(id));
    const counts = await countsOf(telemetry, ({ received, pending }) => received === 7 && pending === 0);

    expect(counts).toMatchObject({
      received: 7,
      delivered: 5,
      rejected: 0,
      dropped: { worker_lost: 2 },
      sampledOut: 0,
    });
    expect(telemetry.state()).toMatchObject({ lost: 2, queue: { records: 0, bytes: 0 } });
    const written = readFileSync(join(dataDir, "exchanges.jsonl"), "utf8");
    expect([...written.matchAll(/"id":"([a-z]+)"/g)].map(([, id]) => id)).toEqual(["a", "b", "c", "e", "f"]);
    expect(said.join("\n")).toContain("the telemetry worker died and is started again");
    if (poison === "throw-now") expect(said.join("\n")).toContain("something that nobody thought of");
    expect(said.join("\n")).not.toContain("process.exit");
  },
);

test("a worker that can't be started again is tried until it can", async () => {
  const ends = scriptOf("process.exit(1);");
  const scripts = [dying, ends, ends, dying];
  telemetry = await open({}, () => new Worker(scripts.shift() ?? dying));
  void telemetry.hand(capture("exit-now"));
  await waitFor(() => telemetry?.state().restarts === 1, "It did not die");
  void telemetry.hand(capture("a"));
  const counts = await countsOf(telemetry, ({ received, pending }) => received === 2 && pending === 0);
  expect(counts).toMatchObject({ delivered: 1, dropped: { worker_lost: 1 } });
  expect(scripts).toEqual([]);
});

test("who waits for a record to be durable is told at once that its worker died", async () => {
  telemetry = await open({ durability: "strict" });
  expect(await telemetry.hand(capture("a"))).toBe(true);
  const started = performance.now();
  expect(await telemetry.hand(capture("throw-now"))).toBe(false);
  expect(performance.now() - started).toBeLessThan(4_000);
  expect(telemetry.state().late).toBe(1);
});

test("who waits for a record that the dead worker never got is told once the next one has it", async () => {
  telemetry = await open({ durability: "strict" });
  const sent = telemetry.hand(capture("throw-now"));
  const next = telemetry.hand(capture("a"));
  expect(await Promise.all([sent, next])).toEqual([false, true]);
  expect(telemetry.state()).toMatchObject({ late: 1, lost: 1 });
});

test("who waits for a record while a worker with other settings takes the place of one is told once that has it", async () => {
  telemetry = await open({ durability: "strict" });
  const before = telemetry.hand(capture("a"));
  const changed = telemetry.change(settingsOf({ durability: "strict", refusalsPerMinute: 601 }));
  const meanwhile = telemetry.hand(capture("b"));
  await changed;
  expect(await Promise.all([before, meanwhile])).toEqual([true, true]);
  expect(telemetry.state()).toMatchObject({ late: 0, lost: 0, restarts: 0 });
});

test("the time that a worker takes to take the place of one doesn't count for who waits for a record", async () => {
  const different = { durability: "strict", strictTimeoutMs: 2000 } as const;
  const sleep = scriptOf(`Bun.sleepSync(${different.strictTimeoutMs * 1.2});`);
  const late = scriptOf(`import ${JSON.stringify(sleep)}; import ${JSON.stringify(dying)};`);
  const scripts = [dying, late];
  telemetry = await open(different, () => new Worker(scripts.shift() ?? dying));
  const before = telemetry.hand(capture("a"));
  const changed = telemetry.change(settingsOf({ ...different, refusalsPerMinute: 601 }));
  const meanwhile = telemetry.hand(capture("b"));
  await changed;
  expect(await Promise.all([before, meanwhile])).toEqual([true, true]);
  expect(scripts).toEqual([]);
});

test("telemetry whose worker is dead still closes", async () => {
  const ends = scriptOf("process.exit(1);");
  const scripts = [dying];
  telemetry = await open({}, () => new Worker(scripts.shift() ?? ends));
  void telemetry.hand(capture("exit-now"));
  await waitFor(() => telemetry?.state().restarts === 1, "It did not die");
  expect(await telemetry.close(1_000)).toBe(0);
});

test("where the worker can't open its files, opening telemetry says why", async () => {
  await Bun.write(
    join(dataDir, "outbox.db"),
    "no database, but a text that is long enough to be looked at as one ".repeat(40),
  );
  const blocked = join(dataDir, "outbox.db", "below");
  const sinks = [
    { name: "file", values: { path: blocked, maxBytes: 0, maxFiles: 0 }, bodies: "full", sample: 1 },
  ] as const;
  expect(await open({ sinks }).catch(String)).toContain(blocked);
});
