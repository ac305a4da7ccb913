import { expect, test } from "bun:test";
import type { FakeLangfuse, FakeLangfuseMode } from "../fakes/langfuse.ts";
import { type Books, readBooks, readMetrics, unaccounted } from "./books.ts";
import { percentile, runLoad } from "./load.ts";
import { metadata } from "./observation.ts";
import { openStage, type Stage } from "./stage.ts";

/** `WEIR_LONG=1` is the long form. */
const long = process.env["WEIR_LONG"] === "1";
const count = long ? 2_000 : 300;
const atOnce = 8;
const limitMs = long ? 300_000 : 180_000;

/** How much later the slowest of a hundred calls may end than while Langfuse is well: so many times as late, and milliseconds on top. */
const mostDelay = long ? { times: 1.3, ms: 1 } : { times: 2, ms: 5 };

/** Machines do other things too; what an outage costs, it costs each time. */
const mostTries = 3;

/** Records of the file sink without bodies, so that one file holds them all. */
const env = { SINKS: "file,langfuse", FILE_BODIES: "metadata", FILE_EVENT_LOG_MAX_BYTES: "0" };

/**
 * What an outage may add to the memory of the healthy program: docs/telemetry.md bounds what waits for the worker by
 * `CAPTURE_QUEUE_BYTES` (64 MB), and the worker makes text of it once more. What waits for Langfuse is on the disk.
 */
const mostGrowth = 2 * 64_000_000;

const model = "gpt-4o-mini-2024-07-18";
const answer = () =>
  Response.json({
    model,
    choices: [{ index: 0, message: { role: "assistant", content: "Yes, it is." }, finish_reason: "stop" }],
    usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 },
  });

/** Prompts of 50 KB that no compression makes small. */
const prompts = Array.from({ length: 40 }, () =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(37_500)))
    .toString("base64")
    .replaceAll(/(.{60})/g, "$1 "),
);

/** Makes the calls of a run, each of which is answered; gives the exchanges and how long each took. */
async function run({ call }: Stage, calls = count): Promise<{ ids: readonly string[]; took: readonly number[] }> {
  const ids: string[] = [];
  const took = await runLoad({ count: calls, atOnce }, async (index) => {
    const messages = [{ role: "user", content: prompts[index % prompts.length] ?? "" }];
    const got = await call("/v1/chat/completions", { body: { model, messages } });
    expect(await got.json()).toHaveProperty("usage");
    expect(got.status).toBe(200);
    ids.push(got.headers.get("x-weir-exchange-id") ?? "");
  });
  return { ids, took };
}

/** Of every hundred calls the slowest, as a rule: of eight stretches the middle one, since one stall of the machine is none of ours. */
function slowest(took: readonly number[]): number {
  const length = Math.ceil(took.length / 8);
  const stretches = Array.from({ length: 8 }, (_, at) => percentile(took.slice(at * length, (at + 1) * length), 0.99));
  return percentile(stretches, 0.5);
}

const isSettled = ({ pending }: Books) => pending === 0;
const isOther = ({ name, pending }: Books) => name === "langfuse" || pending === 0;

/** The drops of a sink by reason, as the metrics page tells them. */
async function readDrops(url: string, sink: string): Promise<Readonly<Record<string, number>>> {
  const line = new RegExp(`^weir_sink_dropped_total\\{sink="${sink}",reason="(\\w+)"\\}$`);
  const found = [...(await readMetrics(url))].map(([name, value]) => [line.exec(name)?.[1] ?? "", value] as const);
  return Object.fromEntries(found.filter(([reason]) => reason !== ""));
}

/** Expects that of these exchanges all are at both sinks that aren't counted as dropped, each once; gives what Langfuse lacks, by reason. */
async function expectArrived({ weir, langfuse }: Stage, ids: readonly string[]): Promise<Books["dropped"]> {
  const books = await readBooks(weir.url, (mine) => mine.received >= ids.length && isSettled(mine), limitMs / 2);
  const spans = langfuse.spans();
  expect(spans.filter(({ deliveries }) => deliveries !== 1)).toEqual([]);
  const arrived = {
    file: (await weir.records()).map(({ id }) => id),
    langfuse: spans.map((span) => String(metadata(span)["exchange_id"])),
  };
  for (const name of ["file", "langfuse"] as const) {
    const mine = books[name];
    if (mine === undefined) throw new Error(`There are no books of ${name}`);
    const { received, delivered, rejected, dropped } = mine;
    const lost = Object.values(dropped).reduce((sum, each) => sum + each, 0);
    const once = new Set(arrived[name]);
    expect(once.size).toBe(arrived[name].length);
    expect(once.isSubsetOf(new Set(ids))).toBe(true);
    expect({ received, delivered, rejected, lost }).toEqual({
      received: ids.length,
      delivered: once.size,
      rejected: 0,
      lost: ids.length - once.size,
    });
    expect(await readDrops(weir.url, name)).toEqual(dropped);
  }
  return books["langfuse"]?.dropped ?? {};
}

const failures: readonly (readonly [name: string, spoil: (langfuse: FakeLangfuse) => unknown])[] = [
  ["refuses connections", (langfuse) => langfuse.stop()],
  ["hangs", setMode("hang")],
  ["answers 500", setMode("500")],
  ["answers a web page with 502", setMode("502-html")],
  ["answers 401", setMode("401")],
  ["answers 429 with a time to wait", setMode("429")],
];

function setMode(mode: FakeLangfuseMode): (langfuse: FakeLangfuse) => void {
  return (langfuse) => {
    langfuse.mode = mode;
  };
}

/** Lets it take everything again; requests that hang are cut, as by a restart. */
async function heal(langfuse: FakeLangfuse): Promise<void> {
  await langfuse.stop();
  langfuse.mode = "ok";
  langfuse.restart();
}

test.each(failures)(
  `while Langfuse %s, ${count} calls of 50 KB are answered as soon as before, in bounded memory, and afterwards it gets each once`,
  async (name, spoil) => {
    await using stage = await openStage({ env });
    const { upstream, langfuse, weir } = stage;
    upstream.answer = answer;
    const ids = [...(await run(stage, count / 2)).ids];
    let delay = { before: 0, after: Number.POSITIVE_INFINITY };
    const isLate = () => delay.after > delay.before * mostDelay.times + mostDelay.ms;

    for (let tries = 0; tries < mostTries && isLate(); tries += 1) {
      const healthy = await run(stage);
      ids.push(...healthy.ids);
      await readBooks(weir.url, (mine) => mine.received >= ids.length && isSettled(mine));
      const { peak } = weir.memory();

      await spoil(langfuse);
      const spoilt = await run(stage);
      ids.push(...spoilt.ids);
      const growth = weir.memory().peak - peak;
      const during = await readBooks(weir.url, (mine) => mine.received >= ids.length && isOther(mine));
      expect(during["langfuse"]?.pending).toBe(count);
      expect(Object.values(during).map(unaccounted)).toEqual([0, 0]);
      expect(growth).toBeLessThan(mostGrowth);

      await heal(langfuse);
      expect(await expectArrived(stage, ids)).toEqual({});
      delay = { before: slowest(healthy.took), after: slowest(spoilt.took) };
      tell(name, delay, growth);
    }
    expect(delay.after).toBeLessThan(delay.before * mostDelay.times + mostDelay.ms);
  },
  limitMs,
);

function tell(
  name: string,
  { before, after }: { readonly before: number; readonly after: number },
  growth: number,
): void {
  const ratio = (after / before).toFixed(2);
  process.stdout.write(
    `Langfuse ${name}: p99 ${before.toFixed(1)} → ${after.toFixed(1)} ms (${ratio}×), peak memory + ${Math.round(growth / 1e6)} MB\n`,
  );
}

test("of an outage that lasts longer than the outbox has room for, what is given up is counted everywhere, and the rest arrives once", async () => {
  await using stage = await openStage({ env: { ...env, OUTBOX_MAX_BYTES: "100KB" } });
  stage.upstream.answer = answer;
  await stage.langfuse.stop();
  const { ids } = await run(stage);
  const during = await readBooks(stage.weir.url, (mine) => mine.received >= ids.length && isOther(mine));
  expect(Object.values(during).map(unaccounted)).toEqual([0, 0]);
  expect(during["langfuse"]?.dropped["outbox_full"]).toBeGreaterThan(0);
  await heal(stage.langfuse);
  expect(Object.keys(await expectArrived(stage, ids))).toEqual(["outbox_full"]);
}, 180_000);
