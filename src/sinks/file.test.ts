import { expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { z } from "zod";
import { file } from "./file.ts";
import { openFileSink } from "./file-sink.ts";
import type { Sink, SinkRecord } from "./sink.ts";

const never = new AbortController().signal;

function makeDirectory() {
  const path = mkdtempSync(join(tmpdir(), "weir-file-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function makeRecord(seq: number, padding = 0): SinkRecord {
  const json = JSON.stringify({ schema: 1, id: `x-${seq}`, text: "ü".repeat(padding) });
  return {
    seq,
    id: `x-${seq}`,
    json,
    get exchange(): never {
      throw new Error("a file needs no parsed exchange");
    },
  };
}

function makeRecords(first: number, count: number, padding = 0): SinkRecord[] {
  return Array.from({ length: count }, (_, at) => makeRecord(first + at, padding));
}

/** All lines that lie in the files, the oldest file first; throws where one is no JSON. */
function readIds(path: string): string[] {
  const older = readdirSync(join(path, "..")).filter((name) => /\.\d+$/.test(name));
  const names = older.toSorted((one, other) => Number(other.split(".").at(-1)) - Number(one.split(".").at(-1)));
  const texts = [...names.map((name) => readFileSync(join(path, "..", name), "utf8")), readFileSync(path, "utf8")];
  return texts.flatMap((text) => {
    expect(text === "" || text.endsWith("\n")).toBe(true);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => z.object({ id: z.string() }).parse(JSON.parse(line)).id);
  });
}

function idsOf(records: readonly SinkRecord[]): string[] {
  return records.map(({ id }) => id);
}

async function openSink(path: string, maxBytes = 0, maxFiles = 5): Promise<Sink> {
  return openFileSink({ path, maxBytes, maxFiles });
}

test("each exchange is one line of JSON, in a file for its owner alone", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "logs", "events.jsonl");
  const sink = await openSink(path);
  expect(await sink.deliver(makeRecords(1, 3), never)).toEqual({ kind: "delivered" });
  expect(await sink.deliver(makeRecords(4, 2), never)).toEqual({ kind: "delivered" });
  await sink.check?.(never);
  await sink.close?.();
  expect(readFileSync(path, "utf8")).toBe(
    makeRecords(1, 5)
      .map(({ json }) => `${json}\n`)
      .join(""),
  );
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("an exchange that is delivered again is not written again, now or after a restart", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "events.jsonl");
  const first = await openSink(path);
  await first.deliver(makeRecords(1, 5), never);
  await first.deliver(makeRecords(3, 5), never);
  await first.close?.();
  const second = await openSink(path);
  await second.deliver(makeRecords(6, 4), never);
  await second.close?.();
  expect(readIds(path)).toEqual(idsOf(makeRecords(1, 9)));
});

test("what was written just before a rotation is not written again after a restart", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "events.jsonl");
  const first = await openSink(path, 300);
  await first.deliver(makeRecords(1, 20), never);
  await first.close?.();
  expect(readdirSync(directory.path).length).toBeGreaterThan(1);
  const second = await openSink(path, 300);
  await second.deliver(makeRecords(1, 22), never);
  await second.close?.();
  expect(readIds(path)).toEqual(idsOf(makeRecords(1, 22)));
});

test("a file is moved away before it exceeds its bound, and older ones beyond their number go", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "events.jsonl");
  const sink = await openSink(path, 1000, 2);
  for (let seq = 1; seq < 200; seq += 7) await sink.deliver(makeRecords(seq, 7, 10), never);
  await sink.close?.();
  expect(readdirSync(directory.path).toSorted()).toEqual(["events.jsonl", "events.jsonl.1", "events.jsonl.2"]);
  for (const name of readdirSync(directory.path))
    expect(statSync(join(directory.path, name)).size).toBeLessThanOrEqual(1000);
  const ids = readIds(path);
  expect(ids.at(-1)).toBe("x-203");
  expect(ids).toEqual(idsOf(makeRecords(204 - ids.length, ids.length)));
});

test("a line that is larger than a file may be gets a file of its own", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "events.jsonl");
  const sink = await openSink(path, 500);
  await sink.deliver([makeRecord(1), makeRecord(2, 1000), makeRecord(3)], never);
  await sink.close?.();
  expect(readIds(path)).toEqual(["x-1", "x-2", "x-3"]);
  expect(readdirSync(directory.path)).toHaveLength(3);
});

test("without older files, a full one is begun anew", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "events.jsonl");
  const sink = await openSink(path, 100, 0);
  await sink.deliver(makeRecords(1, 9), never);
  await sink.close?.();
  expect(readdirSync(directory.path)).toEqual(["events.jsonl"]);
  expect(readIds(path).at(-1)).toBe("x-9");
});

test("wherever a crash cut the file, the next start mends it and redelivery completes it without doubles", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "events.jsonl");
  const records = [makeRecord(1, 3), makeRecord(2, 40_000), makeRecord(3, 1)];
  const whole = Buffer.from(records.map(({ json }) => `${json}\n`).join(""));
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.nat(whole.length), fc.nat(30), fc.integer({ min: whole.length - 60, max: whole.length })),
      async (cut) => {
        writeFileSync(path, whole.subarray(0, cut));
        const sink = await openSink(path);
        await sink.deliver(records, never);
        await sink.close?.();
        expect(readIds(path)).toEqual(idsOf(records));
      },
    ),
    { numRuns: 60 },
  );
});

test("a file that somebody moved away is begun anew", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "events.jsonl");
  const sink = await openSink(path);
  await sink.deliver(makeRecords(1, 2), never);
  renameSync(path, `${path}.1`);
  await sink.deliver(makeRecords(3, 2), never);
  rmSync(path);
  await sink.deliver(makeRecords(5, 2), never);
  await sink.close?.();
  expect(readIds(path)).toEqual(idsOf([...makeRecords(1, 2), ...makeRecords(5, 2)]));
});

test("deliveries that overlap are written one after the other", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "events.jsonl");
  const sink = await openSink(path, 2000, 100);
  await Promise.all(Array.from({ length: 20 }, (_, at) => sink.deliver(makeRecords(1 + at * 5, 10), never)));
  await sink.close?.();
  expect(readIds(path)).toEqual(idsOf(makeRecords(1, 105)));
});

test("a disk without room leaves whole lines, and what is missing is written once there is room", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "events.jsonl");
  const code = `
    import { openFileSink } from ${JSON.stringify(join(import.meta.dir, "file-sink.ts"))};
    const sink = await openFileSink({ path: ${JSON.stringify(path)}, maxBytes: 0, maxFiles: 0 });
    const signal = new AbortController().signal;
    const results = [];
    for (let batch = 0; batch < 12; batch += 1) {
      const records = Array.from({ length: 5 }, (_, at) => batch * 5 + at + 1).map((seq) => ({ seq, id: "x-" + seq, json: JSON.stringify({ id: "x-" + seq, text: "t".repeat(3000) }) }));
      results.push((await sink.deliver(records, signal)).kind);
    }
    console.log(JSON.stringify(results));
  `;
  const child = Bun.spawnSync(["bash", "-c", `ulimit -f 100; exec "${process.execPath}" -e '${code}'`]);
  const results = z.array(z.string()).parse(JSON.parse(child.stdout.toString()));
  expect(new Set(results)).toEqual(new Set(["delivered", "retry"]));
  const taken = results.filter((kind) => kind === "delivered").length * 5;
  expect(readIds(path)).toEqual(idsOf(makeRecords(1, taken)));
  const sink = await openSink(path);
  await sink.deliver(makeRecords(1, 60), never);
  await sink.close?.();
  expect(readIds(path)).toEqual(idsOf(makeRecords(1, 60)));
});

test("a path that can't be written is said in words", async () => {
  using directory = makeDirectory();
  mkdirSync(join(directory.path, "taken"));
  const said = await openSink(join(directory.path, "taken")).then(() => "nothing", String);
  expect(said).toMatch(/taken can't be opened \(EISDIR\): set FILE_EVENT_LOG/);
});

test("only the newest lines are read at the start", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "events.jsonl");
  const old = `${JSON.stringify({ id: "old", text: "o".repeat(1_000_000) })}\n`;
  for (let at = 0; at < 40; at += 1) appendFileSync(path, old);
  appendFileSync(path, `${makeRecord(1).json}\n`);
  const sink = await openSink(path);
  await sink.deliver(makeRecords(1, 2), never);
  await sink.close?.();
  const text = readFileSync(path, "utf8");
  expect(text.slice(old.length * 40)).toBe(
    makeRecords(1, 2)
      .map(({ json }) => `${json}\n`)
      .join(""),
  );
});

test("its settings: off without a path, 100 MB and five older files by default", () => {
  const values = {
    path: file.settings.path.schema.parse(undefined),
    maxBytes: file.settings.maxBytes.schema.parse(undefined),
    maxFiles: file.settings.maxFiles.schema.parse(undefined),
  };
  expect(values).toEqual({ path: undefined, maxBytes: 100 * 2 ** 20, maxFiles: 5 });
  expect(file.enabled(values)).toBe(false);
  expect(file.enabled({ ...values, path: "events.jsonl" })).toBe(true);
});

const exchangeLog = { database: { driver: "sqlite", path: "exchanges.db" }, keepsRows: true, durable: false } as const;

test("opened without a path it writes into the data directory", async () => {
  using directory = makeDirectory();
  const sink = await file.open(
    { path: undefined, maxBytes: 0, maxFiles: 0 },
    { fetch, now: Date.now, dataDir: directory.path, version: "0", exchangeLog },
  );
  expect(sink.target).toBe(join(directory.path, "exchanges.jsonl"));
  await sink.close?.();
});
