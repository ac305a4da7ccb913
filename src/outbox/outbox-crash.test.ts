import { expect, test } from "bun:test";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { openSqliteOutbox } from "./sqlite-outbox.ts";
import { imbalance, makeDirectory, readIds } from "./test-support.ts";

/** Appends for ever; says on standard output what `append` has returned for, and what it is about to acknowledge. */
const child = `
import { openSqliteOutbox } from ${JSON.stringify(join(import.meta.dir, "sqlite-outbox.ts"))};
import { makeRecord } from ${JSON.stringify(join(import.meta.dir, "test-support.ts"))};
import { writeSync } from "node:fs";
const [path, run] = process.argv.slice(-2);
const outbox = openSqliteOutbox({ path, sinks: ["kept", "taken"] });
for (let batch = 0; ; batch += 1) {
  const size = 1 + (batch % 7);
  const records = Array.from({ length: size }, (_, at) => makeRecord(run + "-" + batch + "-" + at, { characters: 500, refusal: at === 3 }));
  outbox.append(records);
  writeSync(1, records.map(({ id }) => "+" + id + "\\n").join(""));
  const [first, ...more] = outbox.read("taken", { count: 5, bytes: 1e6 });
  if (first === undefined) continue;
  writeSync(1, [first, ...more].map(({ id }) => "-" + id + "\\n").join(""));
  if (batch % 5 === 0) outbox.reject("taken", first, "refused");
  outbox.ack("taken", more.at(-1)?.seq ?? first.seq);
  if (batch % 3 === 0) await Bun.sleep(1);
}
`;

test("after kill -9 at any moment, all that append returned for is there once, and the books add up", async () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const log = join(directory.path, "log");
  const script = join(directory.path, "child.ts");
  await Bun.write(script, child);
  await Bun.write(log, "");
  for (const [run, delay] of fc.sample(fc.integer({ min: 0, max: 150 }), { numRuns: 6, seed: 1 }).entries()) {
    const process = Bun.spawn([globalThis.process.execPath, script, path, `run${run}`], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const reader = process.stdout.getReader();
    const output: Uint8Array[] = [];
    const first = await reader.read();
    if (first.value !== undefined) output.push(first.value);
    await Bun.sleep(delay);
    process.kill("SIGKILL");
    for (let next = await reader.read(); !next.done; next = await reader.read()) output.push(next.value);
    await process.exited;
    appendFileSync(log, Buffer.concat(output));

    const lines = readFileSync(log, "utf8").split("\n");
    const appended = lines.filter((line) => line.startsWith("+")).map((line) => line.slice(1));
    const offered = new Set(lines.filter((line) => line.startsWith("-")).map((line) => line.slice(1)));
    const outbox = openSqliteOutbox({ path, sinks: ["kept", "taken"] });
    const kept = readIds(outbox, "kept");
    const taken = readIds(outbox, "taken");
    const keptOnce = new Set(kept);
    expect(keptOnce.size).toBe(kept.length);
    expect(appended.filter((id) => !keptOnce.has(id))).toEqual([]);
    // The last append may have been killed between the file and our ears.
    expect(kept.length - appended.length).toBeLessThanOrEqual((run + 1) * 7);
    // What a sink was never offered must still wait for it.
    const waiting = new Set(taken);
    expect(appended.filter((id) => !offered.has(id) && !waiting.has(id))).toEqual([]);
    expect(imbalance(outbox.counts("kept"))).toBe(0);
    expect(imbalance(outbox.counts("taken"))).toBe(0);
    expect(outbox.counts("kept")).toMatchObject({ received: kept.length, pending: kept.length });
    expect(outbox.counts("taken")).toMatchObject({ received: kept.length, pending: taken.length });
    expect(outbox.deadLetters("taken", 100_000)).toHaveLength(outbox.counts("taken").rejected);
    outbox.close();
  }
}, 120_000);
