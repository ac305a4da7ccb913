import { afterAll, beforeAll, expect, test } from "bun:test";
import { type FakeLangfuse, type FakeLangfuseMode, startFakeLangfuse } from "../fakes/langfuse.ts";
import { startWeir, waitFor, type Weir } from "../weir.ts";
import { type Books, readBooks, readMetrics, unaccounted } from "./books.ts";
import { type Collector, startCollector } from "./collector.ts";
import { percentile, runLoad } from "./load.ts";
import { callWeir, environmentOf } from "./stage.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

/** A program with three sinks, the first of which a test may spoil. */
type Side = {
  readonly weir: Weir;
  readonly langfuse: FakeLangfuse;
  readonly collector: Collector;
  /** The exchanges that it has answered. */
  readonly ids: string[];
};

let upstream: Upstream;
let healthy: Side;
let spoilt: Side;
/** What the calls of each failure took, on both sides. */
const took: { readonly healthy: number[]; readonly spoilt: number[] }[] = [];

beforeAll(async () => {
  upstream = startUpstream();
  upstream.answer = () =>
    Response.json({
      model: "gpt-4o-mini-2024-07-18",
      choices: [{ index: 0, message: { role: "assistant", content: "Yes. ".repeat(400) }, finish_reason: "stop" }],
      usage: { prompt_tokens: 2, completion_tokens: 400, total_tokens: 402 },
    });
  [healthy, spoilt] = await Promise.all([openSide(), openSide()]);
});

afterAll(async () => {
  for (const { weir, langfuse, collector } of [healthy, spoilt]) {
    await weir[Symbol.asyncDispose]();
    await Promise.all([langfuse.stop(), collector.stop()]);
  }
  await upstream.stop();
});

async function openSide(): Promise<Side> {
  const langfuse = startFakeLangfuse();
  const collector = startCollector();
  const weir = await startWeir({
    env: {
      ...environmentOf(upstream, langfuse),
      SINKS: "file,langfuse,otlp",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    },
  });
  return { weir, langfuse, collector, ids: [] };
}

async function ask({ weir, ids }: Side, body: object = chat): Promise<void> {
  const answer = await callWeir(weir.url, "/v1/chat/completions", { body });
  await answer.arrayBuffer();
  ids.push(answer.headers.get("x-weir-exchange-id") ?? "");
  expect(answer.status).toBe(200);
}

const chat = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Is it so? ".repeat(100) }] };

/** Calls both sides in turn, so that whatever else the machine does hits both. */
async function askBoth(count: number): Promise<void> {
  const stretch = { healthy: new Array<number>(), spoilt: new Array<number>() };
  took.push(stretch);
  for (const [name, side] of [
    ["healthy", healthy],
    ["spoilt", spoilt],
  ] as const) {
    stretch[name].push(...(await runLoad({ count: count / 2, atOnce: 4 }, () => ask(side))));
  }
  for (const [name, side] of [
    ["spoilt", spoilt],
    ["healthy", healthy],
  ] as const) {
    stretch[name].push(...(await runLoad({ count: count / 2, atOnce: 4 }, () => ask(side))));
  }
}

const mebibyte = 1_048_576;
const isSettled = ({ pending }: Books) => pending === 0;
/** Whether a sink knows of so many exchanges, and has them unless it is Langfuse: what has just ended may not have been recorded yet. */
const isWithOthers =
  (count: number) =>
  ({ name, received, pending }: Books) =>
    received >= count && (name === "langfuse" || pending === 0);

async function expectAllDelivered(side: Side): Promise<void> {
  const count = side.ids.length;
  const books = await readBooks(side.weir.url, ({ received, pending }) => received >= count && pending === 0);
  for (const name of ["file", "langfuse", "otlp"]) {
    expect(books[name]).toMatchObject({
      status: "ok",
      received: count,
      delivered: count,
      rejected: 0,
      dropped: {},
      sampled_out: 0,
    });
  }
  const spanIds = side.ids.map((id) => id.replaceAll("-", "").slice(16));
  expect(new Set(side.langfuse.spans().map(({ spanId }) => spanId))).toEqual(new Set(spanIds));
  expect(side.collector.spanIds()).toEqual(new Set(spanIds));
  expect((await side.weir.records()).map(({ id }) => id).toSorted()).toEqual(side.ids.toSorted());
}

const failures: readonly (readonly [name: string, spoil: (langfuse: FakeLangfuse) => unknown, reason: string])[] = [
  ["refuses connections", (langfuse) => langfuse.stop(), "could not be reached"],
  ["hangs", setMode("hang"), ""],
  ["answers 500", setMode("500"), "500"],
  ["answers a web page with 502", setMode("502-html"), "a web page"],
  ["answers 401", setMode("401"), "LANGFUSE_SECRET_KEY"],
  ["answers 429 with a time to wait", setMode("429"), "429"],
];

function setMode(mode: FakeLangfuseMode): (langfuse: FakeLangfuse) => void {
  return (langfuse) => {
    langfuse.mode = mode;
  };
}

test.each(failures)(
  "while Langfuse %s, traffic and other sinks go on, and afterwards it gets everything",
  async (_, spoil, reason) => {
    const { weir, langfuse, ids } = spoilt;
    await spoil(langfuse);
    await askBoth(200);
    // The others have everything while this one has nothing new.
    const during = await readBooks(weir.url, isWithOthers(ids.length));
    expect(during["file"]).toMatchObject({ status: "ok", delivered: ids.length });
    expect(during["otlp"]).toMatchObject({ status: "ok", delivered: ids.length });
    expect(during["langfuse"]?.pending).toBeGreaterThanOrEqual(200);
    expect(Object.values(during).map(unaccounted)).toEqual([0, 0, 0]);
    if (reason !== "") {
      await waitFor(
        async () => (await readBooks(weir.url))["langfuse"]?.status === "failing",
        "Health says nothing of it",
      );
      expect((await readBooks(weir.url))["langfuse"]?.reason).toContain(reason);
    }
    // A request that hangs is cut by its server, as it would be in a restart.
    await langfuse.stop();
    langfuse.mode = "ok";
    langfuse.restart();
    await expectAllDelivered(spoilt);
  },
  60_000,
);

test("a slow Langfuse gets everything too, and holds nobody up", async () => {
  spoilt.langfuse.slowMs = 400;
  await askBoth(200);
  const during = await readBooks(spoilt.weir.url, isWithOthers(spoilt.ids.length));
  expect(during["langfuse"]?.status).toBe("ok");
  spoilt.langfuse.slowMs = 0;
  await expectAllDelivered(spoilt);
}, 60_000);

test("no failure of Langfuse made consumers wait", async () => {
  await expectAllDelivered(healthy);
  const compare = (part: number) =>
    took.map((stretch) => percentile(stretch.spoilt, part) / percentile(stretch.healthy, part));
  expect(took.map(({ spoilt: { length } }) => length)).toEqual(took.map(({ healthy: { length } }) => length));
  // One look at a tail scatters by half on a busy machine; who waited for a sink would have waited for seconds.
  expect(percentile(compare(0.99), 0.5)).toBeLessThan(4);
  expect(percentile(compare(0.5), 0.5)).toBeLessThan(1.5);
  expect(Math.max(...compare(0.5))).toBeLessThan(4);
});

test("while it hangs, large exchanges fill the outbox and not the memory", async () => {
  const { weir, langfuse, ids } = spoilt;
  const before = weir.memory().now;
  const prompts = Array.from({ length: 50 }, (_, index) => `${Bun.hash(`${index}`).toString(36)} `.repeat(3_500));
  langfuse.mode = "hang";
  await runLoad({ count: 2_400, atOnce: 8 }, (index) =>
    ask(spoilt, { ...chat, messages: [{ role: "user", content: prompts[index % 50] ?? "" }] }),
  );
  const during = await readBooks(weir.url, isWithOthers(ids.length));
  expect(during["langfuse"]?.pending).toBe(2_400);
  expect(weir.memory().peak).toBeLessThan(600 * mebibyte);
  await waitFor(() => weir.memory().now < before + 64 * mebibyte, "What was recorded stays in memory", 10_000);

  await langfuse.stop();
  langfuse.mode = "ok";
  langfuse.restart();
  const books = await readBooks(weir.url, isSettled, 30_000);
  expect(books["langfuse"]).toMatchObject({ delivered: ids.length, dropped: {} });
}, 60_000);

test("of exchanges that Langfuse takes in part, only the rejected ones stay behind, and nothing is sent again", async () => {
  const { weir, langfuse, ids } = spoilt;
  langfuse.reset();
  langfuse.mode = "207";
  const before = ids.length;
  await runLoad({ count: 60, atOnce: 4 }, (index) =>
    ask(spoilt, { ...chat, messages: [{ role: "user", content: index % 20 === 0 ? "reject-me" : "Hi" }] }),
  );
  const books = await readBooks(weir.url, ({ received, pending }) => received >= ids.length && pending === 0);
  langfuse.mode = "ok";

  expect(books["langfuse"]).toMatchObject({ received: ids.length, delivered: before + 57, rejected: 3 });
  expect(books["otlp"]).toMatchObject({ delivered: ids.length, rejected: 0 });
  expect(Object.values(books).map(unaccounted)).toEqual([0, 0, 0]);
  expect(langfuse.spans().map(({ deliveries }) => deliveries)).toEqual(Array.from({ length: 57 }, () => 1));
  await waitFor(() => weir.output().includes("Span is bad"), "The log doesn't say why");
}, 60_000);

test("the metrics page tells the same counts as the health page", async () => {
  const { weir } = spoilt;
  const books = await readBooks(weir.url, isSettled);
  const metrics = await readMetrics(weir.url);
  for (const { name, received, delivered, pending, rejected, sampled_out } of Object.values(books)) {
    const count = (what: string) => metrics.get(`weir_sink_${what}{sink="${name}"}`);
    expect({
      name,
      received: count("received_total"),
      delivered: count("delivered_total"),
      pending: count("pending"),
      rejected: count("rejected_total"),
      sampled_out: count("sampled_out_total"),
    }).toEqual({ name, received, delivered, pending, rejected, sampled_out });
  }
  expect(metrics.get("weir_capture_lost_total")).toBe(0);
});

test("failures and recoveries are logged, but not once for every record", () => {
  const lines = spoilt.weir.lines.filter((line) => line.includes("sink"));
  expect(lines.filter((line) => line.includes("a sink fails")).length).toBeGreaterThanOrEqual(failures.length);
  expect(lines.filter((line) => line.includes("takes records again")).length).toBeGreaterThanOrEqual(failures.length);
  expect(lines.length).toBeLessThan(6 * failures.length);
  expect(spoilt.weir.output()).not.toContain(spoilt.langfuse.secretKey);
});
