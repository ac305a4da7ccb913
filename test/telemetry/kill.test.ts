import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type FakeLangfuse, startFakeLangfuse } from "../fakes/langfuse.ts";
import { startWeir } from "../weir.ts";
import { readBooks, unaccounted } from "./books.ts";
import { metadata } from "./observation.ts";
import { callWeir, environmentOf } from "./stage.ts";
import { watchWaits } from "./waits.ts";
import { dataEvent, events, startUpstream, type Upstream } from "./upstream.ts";

/** `WEIR_KILLS=100` is the long form. */
const kills = Number(process.env["WEIR_KILLS"] ?? 5);

let upstream: Upstream;
let langfuse: FakeLangfuse;

beforeAll(() => {
  upstream = startUpstream();
  langfuse = startFakeLangfuse();
  const model = "gpt-4o-mini-2024-07-18";
  const usage = { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 };
  const pieces = ["Yes", ", it", " is."].map((content) =>
    dataEvent({ model, choices: [{ index: 0, delta: { content } }] }),
  );
  const end = [
    dataEvent({ model, choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage }),
    dataEvent("[DONE]"),
  ];
  const message = { role: "assistant", content: "Yes, it is. ".repeat(100) };
  upstream.answer = ({ body }) =>
    Buffer.from(body).includes('"stream":true')
      ? events([...pieces, ...end], 1)
      : Response.json({ model, choices: [{ index: 0, message, finish_reason: "stop" }], usage });
});

afterAll(() => Promise.all([upstream.stop(), langfuse.stop()]));

/** An exchange whose consumer got its last byte, and when; milliseconds of this process's clock. */
type Served = { readonly id: string; readonly at: number };

/** More than this would make the processor the bound: what has ended then waits for it, in whatever mode. Milliseconds. */
const pauseMs = 2;

/** Calls until calls fail, some of them as streams; gives those that were answered to the end. */
async function callUntilDeath(url: string, prefix: string): Promise<readonly Served[]> {
  const served: Served[] = [];
  const work = async (worker: number): Promise<void> => {
    for (let index = 0; ; index += 1) {
      const content = `${prefix} ${worker} ${index}`;
      const body = { model: "gpt-4o-mini", stream: index % 2 === 1, messages: [{ role: "user", content }] };
      const answer = await callWeir(url, "/v1/chat/completions", { body });
      await answer.arrayBuffer();
      served.push({ id: answer.headers.get("x-weir-exchange-id") ?? "", at: performance.now() });
      await Bun.sleep(pauseMs);
    }
  };
  await Promise.allSettled(Array.from({ length: 6 }, (_, worker) => work(worker)));
  return served;
}

test.each([
  ["strict", "whose consumer got its last byte", Number.NEGATIVE_INFINITY],
  ["batched", "that had ended 50 ms before", 50],
] as const)(
  `with DURABILITY=%s, ${kills} times kill -9 loses no exchange %s, and doubles none`,
  async (durability, _, mayLoseMs) => {
    const dataDir = mkdtempSync(join(tmpdir(), "weir-killed-"));
    const log = join(dataDir, "exchanges.jsonl");
    const env = {
      ...environmentOf(upstream, langfuse),
      SINKS: "file,langfuse",
      DATA_DIR: dataDir,
      DURABILITY: durability,
    };
    langfuse.reset();
    const owed: string[] = [];

    const killAfter = async (delay: number): Promise<void> => {
      await using weir = await startWeir({ env });
      const calls = callUntilDeath(weir.url, `${durability} ${owed.length}`);
      const waited = await watchWaits(weir.pid, delay);
      const killedAt = performance.now();
      await weir.kill();
      // What a machine does that has too few processors is no promise of Weir's.
      const mayBeLost = (at: number) => killedAt - at < mayLoseMs + waited(at - mayLoseMs);
      for (const { id, at } of await calls) if (mayLoseMs < 0 || !mayBeLost(at)) owed.push(id);
    };
    for (const delay of fc.sample(fc.integer({ min: 20, max: 500 }), { numRuns: kills, seed: 11 }))
      await killAfter(delay);
    // A busy machine may have come to little by then.
    for (let more = 1; more < 10 && owed.length <= 20 * kills; more += 1) await killAfter(1000 * more);

    await using last = await startWeir({ env });
    const books = await readBooks(last.url, ({ pending }) => pending === 0, 30_000);
    expect(Object.values(books).map(unaccounted)).toEqual([0, 0]);
    await last.stop();

    const written = readFileSync(log, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { readonly id: string }).id);
    const arrived = langfuse.spans().map((span) => String(metadata(span)["exchange_id"]));
    expect(owed.length).toBeGreaterThan(20 * kills);
    const [inFile, inLangfuse] = [new Set(written), new Set(arrived)];
    expect(owed.filter((id) => !inFile.has(id))).toEqual([]);
    expect(owed.filter((id) => !inLangfuse.has(id))).toEqual([]);
    expect({ file: inFile.size, langfuse: inLangfuse.size }).toEqual({
      file: written.length,
      langfuse: arrived.length,
    });
    expect(inLangfuse).toEqual(inFile);
    rmSync(dataDir, { recursive: true, force: true });
  },
  60_000 + kills * 10_000,
);
