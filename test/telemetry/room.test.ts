import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { needs } from "../needs.ts";
import { waitFor } from "../weir.ts";
import { type Books, readBooks, readHealth, readMetrics, unaccounted } from "./books.ts";
import { startCollector } from "./collector.ts";
import { runLoad } from "./load.ts";
import { metadata, observation } from "./observation.ts";
import { openStage, type Stage } from "./stage.ts";

const model = "gpt-4o-mini-2024-07-18";
const message = { role: "assistant", content: "Yes, it is." };
const usage = { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 };
const answer = () => Response.json({ model, choices: [{ index: 0, message, finish_reason: "stop" }], usage });
const mebibyte = 1_048_576;
const isSettled = ({ pending }: Books) => pending === 0;

/** A chat about so many bytes that no compression makes smaller. */
function chatOf(bytes: number) {
  const content = Buffer.from(crypto.getRandomValues(new Uint8Array(Math.ceil((bytes * 3) / 4)))).toString("base64");
  return {
    model: "gpt-4o-mini",
    temperature: 0.5,
    messages: [{ role: "user", content: content.replaceAll(/(.{40})/g, "$1 ") }],
  };
}

test("of a flood of refusals a few are recorded, the rest is counted in one record by code, and no true exchange is missing", async () => {
  await using stage = await openStage({
    env: { PROXY_API_KEY: "gate-key", UPSTREAM_API_KEY: "sk-1", REFUSALS_PER_MINUTE: "20", SINKS: "file" },
  });
  stage.upstream.answer = answer;
  const kinds: readonly { readonly path: string; readonly headers: Readonly<Record<string, string>> }[] = [
    { path: "/v1/chat/completions", headers: { authorization: "Bearer wrong" } },
    { path: "/v1/chat/completions", headers: { authorization: "" } },
    { path: "/admin.php", headers: {} },
    { path: "/v1/chat/completions", headers: { authorization: "Bearer gate-key" } },
  ];
  const statuses = new Map<number, number>();
  await runLoad({ count: 800, atOnce: 8 }, async (index) => {
    const { path, headers } = kinds[index % kinds.length] ?? { path: "/", headers: {} };
    const got = await stage.call(path, { body: chatOf(100), headers });
    await got.arrayBuffer();
    statuses.set(got.status, (statuses.get(got.status) ?? 0) + 1);
  });
  await stage.weir.stop();
  const records = await stage.weir.records();
  const refused = records.filter(({ outcome }) => outcome === "refused");
  const counted = refused.filter(({ count }) => count !== undefined);

  expect(Object.fromEntries(statuses)).toEqual({ 200: 200, 401: 400, 404: 200 });
  expect(records.filter(({ outcome }) => outcome === "answered")).toHaveLength(200);
  expect(refused.length - counted.length).toBe(20);
  expect(new Set(counted.map(({ cause }) => cause))).toEqual(
    new Set(["credential_missing", "invalid_api_key", "not_found"]),
  );
  expect(counted).toHaveLength(3);
  expect(counted.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(580);
  expect(refused.filter(({ input }) => input !== undefined)).toEqual([]);
  expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
}, 60_000);

test("a full outbox gives up bodies, then the oldest records, counts them, and lets traffic and other sinks go on", async () => {
  await using stage = await openStage({ env: { OUTBOX_MAX_BYTES: "500KB", SINKS: "file,langfuse" } });
  stage.upstream.answer = answer;
  await stage.langfuse.stop();
  const ids = await callMany(stage, { count: 1_600, bytes: 8_000, pauseMs: 10 });
  const others = ({ name, received, pending }: Books) =>
    received >= ids.length && (name === "langfuse" || pending === 0);
  const { file, langfuse } = await readBooks(stage.weir.url, others);
  const { outbox } = await readHealth(stage.weir.url);

  expect(file).toMatchObject({ status: "ok", delivered: ids.length, dropped: {} });
  expect(langfuse?.dropped["outbox_full"]).toBeGreaterThan(0);
  expect(langfuse?.pending).toBeGreaterThan(100);
  expect(langfuse === undefined ? undefined : unaccounted(langfuse)).toBe(0);
  const metrics = await readMetrics(stage.weir.url);
  expect(metrics.get('weir_sink_dropped_total{sink="langfuse",reason="outbox_full"}')).toBe(
    langfuse?.dropped["outbox_full"] ?? 0,
  );
  expect(outbox.bodies_shed).toBeGreaterThan(100);
  expect(outbox.bytes).toBeLessThan(2 * mebibyte);
  await waitFor(() => stage.weir.output().includes("the outbox has no room left"), "The log doesn't say so");

  stage.langfuse.restart();
  const after = await readBooks(stage.weir.url, isSettled, 30_000);
  const arrived = new Set(stage.langfuse.spans().map((span) => String(metadata(span)["exchange_id"])));
  expect(arrived.size).toBe(after["langfuse"]?.delivered ?? 0);
  expect(arrived.size).toBe(ids.length - (after["langfuse"]?.dropped["outbox_full"] ?? 0));
  // The latest are those that are left, and every one of them has its usage.
  expect(ids.slice(-20).filter((id) => !arrived.has(id))).toEqual([]);
  expect(stage.langfuse.spans().filter((span) => observation(span)["usage_details"] === undefined)).toEqual([]);
}, 60_000);

/** Calls four at a time, and gives the ids of the exchanges; every call is answered. */
async function callMany(
  stage: Stage,
  { count, bytes, pauseMs = 0 }: { readonly count: number; readonly bytes: number; readonly pauseMs?: number },
): Promise<readonly string[]> {
  const ids: string[] = [];
  await runLoad({ count, atOnce: 4 }, async () => {
    const got = await stage.call("/v1/chat/completions", { body: chatOf(bytes) });
    await got.arrayBuffer();
    expect(got.status).toBe(200);
    ids.push(got.headers.get("x-weir-exchange-id") ?? "");
    if (pauseMs > 0) await Bun.sleep(pauseMs);
  });
  return ids;
}

const canMount = process.getuid?.() === 0 && process.platform === "linux" && Bun.which("mount") !== null;
const withSmallDisk = needs("root on Linux, to make a small disk", canMount);

/** A disk of 16 MB. */
function mountDisk(): { readonly path: string; readonly [Symbol.dispose]: () => void } {
  const path = mkdtempSync(join(tmpdir(), "weir-disk-"));
  const { exitCode, stderr } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", path]);
  if (exitCode !== 0) throw new Error(`No disk: ${stderr.toString()}`);
  return {
    path,
    [Symbol.dispose]: () => {
      Bun.spawnSync(["umount", "-l", path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

withSmallDisk(
  "on a full disk the outbox gives up bodies before records, and traffic goes on",
  async () => {
    using disk = mountDisk();
    await using stage = await openStage({ env: { SINKS: "langfuse", DATA_DIR: join(disk.path, "data") } });
    stage.upstream.answer = answer;
    await stage.langfuse.stop();
    await callMany(stage, { count: 1_500, bytes: 20_000 });
    const full = await readBooks(stage.weir.url, ({ received }) => received >= 1_500);
    expect(Object.values(full).map(unaccounted)).toEqual([0]);
    expect(full["langfuse"]?.received).toBe(1_500);
    expect((await readHealth(stage.weir.url)).outbox.bodies_shed).toBeGreaterThan(100);

    stage.langfuse.restart();
    const { langfuse } = await readBooks(stage.weir.url, isSettled, 30_000);
    expect(stage.langfuse.spans().length).toBe(langfuse?.delivered ?? 0);
    const span = await stage.record("/v1/chat/completions", { body: chatOf(20_000) }, answer);
    expect(observation(span)).toHaveProperty("input");
  },
  60_000,
);

withSmallDisk(
  "while a full disk takes no more lines the other sinks go on, and with room again every line is there once",
  async () => {
    using disk = mountDisk();
    const path = join(disk.path, "exchanges.jsonl");
    const filler = join(disk.path, "filler");
    await using stage = await openStage({ env: { SINKS: "file,langfuse", FILE_EVENT_LOG: path } });
    stage.upstream.answer = answer;
    writeFileSync(filler, new Uint8Array(15 * mebibyte));
    const ids = await callMany(stage, { count: 100, bytes: 20_000 });
    const full = await readBooks(
      stage.weir.url,
      ({ name, received, pending, status }) =>
        received >= 100 && (name === "file" ? status === "failing" : pending === 0),
    );
    expect(full["file"]?.reason).toContain("no room left");
    expect(full["file"]?.pending).toBeGreaterThan(0);

    rmSync(filler);
    const after = await readBooks(stage.weir.url, isSettled, 20_000);
    expect(after["file"]).toMatchObject({ status: "ok", delivered: 100, dropped: {} });
    const written = readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => recordSchema.parse(JSON.parse(line)).id);
    expect(written.toSorted()).toEqual([...ids].toSorted());
  },
  60_000,
);

withSmallDisk(
  "while a full disk takes no more log lines, traffic and telemetry go on",
  async () => {
    using disk = mountDisk();
    const path = join(disk.path, "weir.log");
    const filler = join(disk.path, "filler");
    await using stage = await openStage({ env: { LOG_FILE: path } });
    stage.upstream.answer = answer;
    writeFileSync(filler, new Uint8Array(16 * mebibyte - 65_536));
    await callMany(stage, { count: 500, bytes: 100 });
    const { langfuse } = await readBooks(stage.weir.url, ({ received, pending }) => received >= 500 && pending === 0);
    expect(langfuse).toMatchObject({ received: 500, delivered: 500 });
    expect((await readMetrics(stage.weir.url)).get("weir_worker_restarts_total")).toBe(0);

    rmSync(filler);
    await callMany(stage, { count: 10, bytes: 100 });
    expect(await stage.weir.stop()).toBe(0);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(lines.at(-1)).toMatch(/^\{.*"stopped"\}$/);
  },
  60_000,
);

const recordSchema = z.object({ id: z.string() });

test("a sink gets the share that it asks for, always the same exchanges, and the rest is counted", async () => {
  const collector = startCollector();
  await using stage = await openStage({
    env: {
      SINKS: "file,langfuse,otlp",
      LANGFUSE_SAMPLE_RATE: "0.3",
      OTLP_SAMPLE_RATE: "0.3",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    },
  });
  stage.upstream.answer = answer;
  await runLoad({ count: 300, atOnce: 4 }, async () =>
    (await stage.call("/v1/chat/completions", { body: chatOf(100) })).arrayBuffer(),
  );
  const books = await readBooks(stage.weir.url, ({ received, pending }) => received >= 300 && pending === 0);
  const spanIds = new Set(stage.langfuse.spans().map(({ spanId }) => spanId));

  expect(spanIds.size).toBeGreaterThan(50);
  expect(spanIds.size).toBeLessThan(140);
  expect(collector.spanIds()).toEqual(spanIds);
  expect(books["file"]).toMatchObject({ received: 300, delivered: 300, sampled_out: 0 });
  expect(books["langfuse"]).toMatchObject({ received: 300, delivered: spanIds.size, sampled_out: 300 - spanIds.size });
  await collector.stop();
}, 60_000);

test.each([
  ["metadata", { "model.parameters": { temperature: 0.5 } }],
  ["off", {}],
] as const)("a sink with bodies: %s gets no word of what was said, and every count", async (bodies, parameters) => {
  await using stage = await openStage({ env: { SINKS: "file,langfuse", LANGFUSE_BODIES: bodies } });
  const span = await stage.record(
    "/v1/chat/completions",
    { body: chatOf(100), headers: { "x-user-id": "user-1" } },
    answer,
  );
  const seen = observation(span);

  expect(seen).toMatchObject({ "model.name": model, usage_details: { input: 2, output: 3, total: 5 }, ...parameters });
  for (const name of ["input", "output", ...(bodies === "off" ? ["model.parameters"] : [])])
    expect(seen).not.toHaveProperty(name);
  expect(span.attributes["user.id"]).toBe("user-1");
  const written = await stage.weir.waitForRecord(({ input }) => input !== undefined);
  expect(JSON.stringify(written.output)).toContain("Yes, it is.");
});
