import { expect, test } from "bun:test";
import { startFakeLangfuse } from "./fakes/langfuse.ts";
import { answersPerSocket, type Summary } from "./soak/consumers.ts";
import { fitTrend, type Trend, watchMemory } from "./soak/memory.ts";
import { countSockets } from "./soak/process.ts";
import { openProvider, type Provider } from "./soak/provider.ts";
import { readBooks, readHealth, readMetrics, unaccounted } from "./telemetry/books.ts";
import { startWeir, waitFor, type Weir } from "./weir.ts";

/** `WEIR_SOAK_SECONDS=600` is the long form. */
const seconds = Number(process.env["WEIR_SOAK_SECONDS"] ?? 45);
const megabyte = 1_000_000;

/** By how much memory may rise once it is warm: by a tenth, or, where the look is too short for that, by what comes and goes. */
const mostGrowth = ({ mean }: Trend) => Math.max(mean / 10, seconds < 300 ? 30 * megabyte : 0);

/** What the outbox may hold; the sink that never comes back leaves several times as much. */
const outboxBytes = megabyte;
/** Pages that nothing is in any more are given back where there are so many of them. */
const unusedBytes = 3 * megabyte;

/** Starts the program with a healthy sink and a dead one. */
async function start({ url, socketUrl }: Provider): Promise<Weir> {
  const langfuse = startFakeLangfuse();
  await langfuse.stop();
  return startWeir({
    env: {
      UPSTREAM_BASE_URL: url,
      ANTHROPIC_BASE_URL: url,
      GEMINI_BASE_URL: url,
      LANGFUSE_BASE_URL: langfuse.url,
      LANGFUSE_PUBLIC_KEY: langfuse.publicKey,
      LANGFUSE_SECRET_KEY: langfuse.secretKey,
      SINKS: "file,langfuse",
      FILE_EVENT_LOG_MAX_BYTES: "20MB",
      FILE_EVENT_LOG_MAX_FILES: "2",
      OUTBOX_MAX_BYTES: String(outboxBytes),
      PROXY_TIMEOUT_MS: "3000",
      STREAM_IDLE_TIMEOUT_MS: "3000",
      FLUSH_TIMEOUT_MS: "500",
    },
    files: { "weir.yaml": `providers: { sockets: { base_url: "${socketUrl}", dialect: openai } }` },
  });
}

/** Lets consumers loose. They are a process of their own, which takes its connections with it when it ends. */
async function runConsumers(url: string): Promise<Summary> {
  const script = new URL("soak/consumers.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, script, url, String(seconds)], { stdout: "pipe", stderr: "inherit" });
  const written = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  // What the script writes is what its own type says.
  return JSON.parse(written) as Summary;
}

test(
  `in ${seconds} seconds of all that can happen to a gateway, memory stays level, nothing stays open, and the books add up`,
  async () => {
    await using provider = await openProvider();
    await using weir = await start(provider);
    await readBooks(weir.url);
    const socketsBefore = countSockets(weir.pid);

    const memory = watchMemory(() => weir.memory().now);
    const { made, wrong, complaints } = await runConsumers(weir.url);
    const samples = memory.stop();
    const trend = fitTrend(samples.slice(Math.floor(samples.length / 4)));
    const calls = Object.values(made).reduce((sum, count) => sum + count, 0);
    tell(calls, trend, weir.memory().peak);

    expect({ wrong, complaints }).toEqual({ wrong: 0, complaints: [] });
    const underWay = async () => (await readMetrics(weir.url)).get("weir_in_flight");
    await waitFor(async () => (await underWay()) === 0, "Exchanges are left under way");
    await expectRecorded(weir, made);
    await provider[Symbol.asyncDispose]();
    const open = () => countSockets(weir.pid);
    await waitFor(
      () => open() <= socketsBefore,
      () => `${open()} sockets are open, ${socketsBefore} were before`,
    );
    expect(await weir.stop()).toBe(0);
    expect(weir.lines.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
    expect(trend.growth).toBeLessThan(mostGrowth(trend));
  },
  (seconds + 120) * 1000,
);

function tell(calls: number, { mean, slope }: Trend, peak: number): void {
  const show = (bytes: number) => (bytes / megabyte).toFixed(1);
  process.stdout.write(
    `${calls} calls in ${seconds} s; memory ${show(mean)} MB on average, ${show(peak)} MB at most, slope ${show(slope * 60)} MB a minute\n`,
  );
}

/** Expects that the file has everything, that the dead sink's outbox is full and no larger, and that it says what it gave up. */
async function expectRecorded({ url }: Weir, made: Summary["made"]): Promise<void> {
  const { file, langfuse } = await readBooks(url, ({ name, pending }) => name === "langfuse" || pending === 0);
  if (file === undefined || langfuse === undefined) throw new Error("A sink has no books");
  expect([unaccounted(file), unaccounted(langfuse)]).toEqual([0, 0]);
  expect(file).toMatchObject({ status: "ok", rejected: 0, dropped: {} });
  expect(langfuse).toMatchObject({ status: "failing", delivered: 0, rejected: 0, received: file.received });
  expect(Object.keys(langfuse.dropped)).toEqual(["outbox_full"]);
  expect(langfuse.dropped["outbox_full"]).toBeGreaterThan(0);

  const { socket = 0, ...calls } = made;
  const most = Object.values(calls).reduce((sum, count) => sum + count, answersPerSocket * socket);
  expect(file.received).toBeLessThanOrEqual(most);
  // Who leaves at once may have left before the head of the request had arrived.
  expect(file.received).toBeGreaterThanOrEqual(most - (made["leaves at once"] ?? 0));

  const { outbox } = await readHealth(url);
  expect(outbox.bytes).toBeLessThan(outboxBytes + unusedBytes);
  expect(outbox.bodies_shed).toBeGreaterThan(0);
  const metrics = await readMetrics(url);
  expect(metrics.get("weir_capture_lost_total")).toBe(0);
  expect(metrics.get("weir_worker_restarts_total")).toBe(0);
}
