import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { z } from "zod";
import { createDelivery } from "../src/outbox/delivery.ts";
import { openSqliteOutbox } from "../src/outbox/sqlite-outbox.ts";
import { openFileSink } from "../src/sinks/file-sink.ts";

const source = join(import.meta.dir, "../src");

/** Appends for ever and delivers to a file at the same time; says what `append` has returned for. */
const child = `
import { writeSync } from "node:fs";
import { createDelivery } from ${JSON.stringify(join(source, "outbox/delivery.ts"))};
import { openSqliteOutbox } from ${JSON.stringify(join(source, "outbox/sqlite-outbox.ts"))};
import { openFileSink } from ${JSON.stringify(join(source, "sinks/file-sink.ts"))};
const [directory, run] = process.argv.slice(-2);
const outbox = openSqliteOutbox({ path: directory + "/outbox.db", sinks: ["file"] });
const sink = await openFileSink({ path: directory + "/log/events.jsonl", maxBytes: 200_000, maxFiles: 1000 });
const delivery = createDelivery({ outbox, sink });
for (let batch = 0; ; batch += 1) {
  const records = Array.from({ length: 1 + (batch % 20) }, (_, at) => {
    const id = run + "-" + batch + "-" + at;
    return { id, refusal: false, json: JSON.stringify({ schema: 1, id, text: "t".repeat(at * 100) }) };
  });
  outbox.append(records);
  delivery.wake();
  writeSync(1, records.map(({ id }) => id + "\\n").join(""));
  await Bun.sleep(1);
}
`;

test("through kill -9 at any moment, every exchange that was recorded is in the file sink's log exactly once", async () => {
  using temporary = makeDirectory();
  const directory = temporary.path;
  const script = join(directory, "child.ts");
  await Bun.write(script, child);
  const appended: string[] = [];
  // More than five where a slow machine had hardly begun by then.
  const delays = fc.sample(fc.integer({ min: 50, max: 400 }), { numRuns: 25, seed: 7 });
  for (const [run, delay] of delays.entries()) {
    if (run >= 5 && appended.length > 100) break;
    const process = Bun.spawn([globalThis.process.execPath, script, directory, `run${run}`], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const output = new Response(process.stdout).text();
    await Bun.sleep(delay * Math.ceil((run + 1) / 5));
    process.kill("SIGKILL");
    appended.push(...(await output).split("\n").filter((line) => line !== ""));
  }

  const outbox = openSqliteOutbox({ path: join(directory, "outbox.db"), sinks: ["file"] });
  const sink = await openFileSink({ path: join(directory, "log/events.jsonl"), maxBytes: 200_000, maxFiles: 1000 });
  const delivery = createDelivery({ outbox, sink });
  await delivery.stop(10_000);
  await sink.close?.();
  const { received, delivered, pending } = outbox.counts("file");
  outbox.close();

  const written = readLog(join(directory, "log"));
  expect(appended.length).toBeGreaterThan(100);
  expect(pending).toBe(0);
  const once = new Set(written);
  expect(once.size).toBe(written.length);
  expect(appended.filter((id) => !once.has(id))).toEqual([]);
  expect({ received, delivered }).toEqual({ received: written.length, delivered: written.length });
}, 60_000);

function readLog(directory: string): string[] {
  return readdirSync(directory).flatMap((name) =>
    readFileSync(join(directory, name), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => z.object({ id: z.string() }).parse(JSON.parse(line)).id),
  );
}

function makeDirectory(): { readonly path: string; readonly [Symbol.dispose]: () => void } {
  const path = mkdtempSync(join(tmpdir(), "weir-once-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
