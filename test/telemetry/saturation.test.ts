import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { z } from "zod";
import { startWeir } from "../weir.ts";
import { readBooks, unaccounted } from "./books.ts";
import { metadata } from "./observation.ts";
import { environmentOf, openStage, type Stage } from "./stage.ts";
import { dataEvent, events, type Script } from "./upstream.ts";
import { type Waits, watchWaits } from "./waits.ts";

/** `WEIR_KILLS=50` is the long form. */
const kills = Number(process.env["WEIR_KILLS"] ?? 3);
const connections = 16;
/** What `DURABILITY=batched` may lose: what ended so short a time before. Milliseconds. */
const mayLoseMs = 50;

/** An exchange whose consumer got its last byte, and when; milliseconds of this process's clock. */
type Served = { readonly id: string; readonly at: number };

/** What was there when the process was killed, and what is there after the next one has ended. */
type Killed = {
  readonly served: readonly Served[];
  readonly at: number;
  readonly waited: Waits;
  readonly inFile: readonly string[];
  readonly inLangfuse: readonly string[];
  readonly unaccounted: readonly number[];
};

const model = "gpt-4o-mini-2024-07-18";
const usage = { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 };
const pieces = ["Yes", ", it", " is."].map((content) =>
  dataEvent({ model, choices: [{ index: 0, delta: { content } }] }),
);
const last = dataEvent({ model, choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage });
const message = { role: "assistant", content: "Yes, it is. ".repeat(20) };

const answer: Script = ({ body }) =>
  Buffer.from(body).includes('"stream":true')
    ? events([...pieces, last, dataEvent("[DONE]")])
    : Response.json({ model, choices: [{ index: 0, message, finish_reason: "stop" }], usage });

/** Calls as fast as it can, until calls fail; every second one is a stream. */
async function callUntilDeath({ call }: Stage): Promise<readonly Served[]> {
  const served: Served[] = [];
  const work = async (connection: number): Promise<void> => {
    for (let index = 0; ; index += 1) {
      const messages = [{ role: "user", content: `Is it so, ${connection}? `.repeat(10) }];
      const got = await call("/v1/chat/completions", { body: { model, stream: index % 2 === 1, messages } });
      await got.arrayBuffer();
      served.push({ id: got.headers.get("x-weir-exchange-id") ?? "", at: performance.now() });
    }
  };
  await Promise.allSettled(Array.from({ length: connections }, (_, connection) => work(connection)));
  return served;
}

/** Runs a program at full load and kills it after so many milliseconds; another one then delivers what it left. */
async function killUnderLoad(durability: string, afterMs: number): Promise<Killed> {
  const dataDir = mkdtempSync(join(tmpdir(), "weir-saturated-"));
  const env = {
    SINKS: "file,langfuse",
    FILE_EVENT_LOG_MAX_BYTES: "0",
    DATA_DIR: dataDir,
    DURABILITY: durability,
    // Its lines would come to this process, which has too much to do to read them in time.
    LOG_FILE: join(dataDir, "weir.log"),
  };
  await using stage = await openStage({ env });
  stage.upstream.answer = answer;
  const calls = callUntilDeath(stage);
  const waited = await watchWaits(stage.weir.pid, afterMs);
  const at = performance.now();
  await stage.weir.kill();
  const served = await calls;

  rmSync(env.LOG_FILE);
  await using next = await startWeir({ env: { ...environmentOf(stage.upstream, stage.langfuse), ...env } });
  const books = await readBooks(next.url, ({ pending }) => pending === 0, 30_000);
  await next.stop();
  const inFile = readIds(join(dataDir, "exchanges.jsonl"));
  rmSync(dataDir, { recursive: true, force: true });
  return {
    served,
    at,
    waited,
    inFile,
    inLangfuse: stage.langfuse.spans().map((span) => String(metadata(span)["exchange_id"])),
    unaccounted: Object.values(books).map(unaccounted),
  };
}

const line = z.object({ id: z.string() });

function readIds(path: string): readonly string[] {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.map((text) => line.parse(JSON.parse(text)).id);
}

/** Late enough that everything has been compiled which runs often. */
const delays = (seed: number) => fc.sample(fc.integer({ min: 700, max: 1500 }), { numRuns: kills, seed });

const limit = 60_000 + kills * 30_000;

function expectNoneTwice({ inFile, inLangfuse, unaccounted: missing }: Killed): void {
  expect(new Set(inFile).size).toBe(inFile.length);
  expect(new Set(inLangfuse)).toEqual(new Set(inFile));
  expect(missing).toEqual([0, 0]);
}

test(
  `with DURABILITY=strict, ${kills} times kill -9 at full load loses no exchange whose consumer got its last byte`,
  async () => {
    for (const afterMs of delays(5)) {
      const killed = await killUnderLoad("strict", afterMs);
      const { served } = killed;
      const found = new Set(killed.inFile);
      expect(served.length).toBeGreaterThan(100);
      expect(served.filter(({ id }) => !found.has(id))).toEqual([]);
      expectNoneTwice(killed);
      tell("strict", `${served.length} exchanges in ${afterMs} ms, none lost`);
    }
  },
  limit,
);

test(
  `with DURABILITY=batched, ${kills} times kill -9 at full load loses nothing that had ended ${mayLoseMs} ms of its own time before`,
  async () => {
    for (const afterMs of delays(6)) {
      const killed = await killUnderLoad("batched", afterMs);
      const { served, at } = killed;
      const found = new Set(killed.inFile);
      const lost = served.filter((exchange) => exchange.at <= at && !found.has(exchange.id));
      const oldest = Math.max(0, ...lost.map((exchange) => at - exchange.at));
      // What a machine does that has too few processors, for this test's consumers and provider too, is no promise of Weir's.
      const waited = killed.waited(at - oldest - mayLoseMs);
      tell(
        "batched",
        `${served.length} exchanges in ${afterMs} ms, ${lost.length} lost, the oldest ${oldest.toFixed(1)} ms old; ${waited.toFixed(1)} ms of waiting for a processor`,
      );
      expect(served.length).toBeGreaterThan(100);
      expect(oldest).toBeLessThan(mayLoseMs + waited);
      expectNoneTwice(killed);
    }
  },
  limit,
);

function tell(durability: string, words: string): void {
  process.stdout.write(`DURABILITY=${durability}: ${words}\n`);
}
