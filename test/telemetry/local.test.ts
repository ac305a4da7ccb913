import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startWeir, type Weir } from "../weir.ts";
import { readBooks } from "./books.ts";
import { runLoad } from "./load.ts";
import { callWeir } from "./stage.ts";
import { startUpstream } from "./upstream.ts";

const chat = { model: "gpt-4o-mini", temperature: 0.5, messages: [{ role: "user", content: "Is it?" }] };
const answer = () =>
  Response.json({
    model: "gpt-4o-mini-2024-07-18",
    choices: [{ index: 0, message: { role: "assistant", content: "Yes, it is." }, finish_reason: "stop" }],
    usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 },
  });

/** Runs the program with its own log alone, and lets a test call it. */
async function withWeir(env: Readonly<Record<string, string>>, use: (weir: Weir) => Promise<void>): Promise<void> {
  const upstream = startUpstream(answer);
  try {
    await using weir = await startWeir({ env: { UPSTREAM_BASE_URL: upstream.url, ...env } });
    await use(weir);
  } finally {
    await upstream.stop();
  }
}

async function ask(weir: Weir, path = "/v1/chat/completions"): Promise<string> {
  const got = await callWeir(weir.url, path, path.endsWith("completions") ? { body: chat } : {});
  await got.arrayBuffer();
  expect(got.status).toBe(200);
  return got.headers.get("x-weir-exchange-id") ?? "";
}

test("without any setting exchanges go to exchanges.jsonl in the data directory, which is its owner's alone", async () => {
  await withWeir({}, async (weir) => {
    const id = await ask(weir);
    const record = await weir.waitForRecord((each) => each.id === id);
    expect(record).toMatchObject({
      schema: 1,
      kind: "generation",
      status: 200,
      outcome: "answered",
      input: { messages: chat.messages },
      parameters: { temperature: 0.5 },
      usage: { input: 2, output: 3, total: 5, source: "provider" },
    });
    expect(statSync(join(weir.dataDir, "exchanges.jsonl")).mode & 0o777).toBe(0o600);
    expect(statSync(join(weir.dataDir, "outbox.db")).mode & 0o777).toBe(0o600);
    expect(statSync(weir.dataDir).mode & 0o777).toBe(0o700);
  });
});

test("EXCHANGE_LOG=metadata leaves out what was said", async () => {
  await withWeir({ EXCHANGE_LOG: "metadata" }, async (weir) => {
    const id = await ask(weir);
    const record = await weir.waitForRecord((each) => each.id === id);
    expect(record).toMatchObject({ parameters: { temperature: 0.5 }, usage: { total: 5 } });
    expect(record).not.toHaveProperty("input");
    expect(record).not.toHaveProperty("output");
  });
});

test("EXCHANGE_LOG=off writes nothing of what was said to any file, and sums alone are kept", async () => {
  await withWeir({ EXCHANGE_LOG: "off" }, async (weir) => {
    await ask(weir);
    await readBooks(weir.url, ({ pending, received }) => received === 1 && pending === 0);
    await weir.stop();
    const files = readdirSync(weir.dataDir);
    expect(files).not.toContain("exchanges.jsonl");
    for (const name of files)
      for (const said of ["Is it?", "Yes, it is.", "temperature"])
        expect(readFileSync(join(weir.dataDir, name)).includes(said)).toBe(false);
    using log = new Database(join(weir.dataDir, "exchanges.db"), { readonly: true });
    expect(log.query("select requests, input, output from usage_sums").all()).toEqual([
      { requests: 1, input: 2, output: 3 },
    ]);
    expect(log.query("select id from exchanges").all()).toEqual([]);
    expect(weir.output()).toContain("EXCHANGE_LOG=off");
  });
});

test("TELEMETRY=off makes no outbox and no record", async () => {
  await withWeir({ TELEMETRY: "off" }, async (weir) => {
    const id = await ask(weir);
    expect(await (await fetch(`${weir.url}/health`)).json()).not.toHaveProperty("telemetry");
    expect((await fetch(`${weir.url}/metrics`)).status).toBe(200);
    await weir.stop();
    const files = readdirSync(weir.dataDir);
    expect(files).not.toContain("outbox.db");
    for (const name of files) expect(readFileSync(join(weir.dataDir, name)).includes(id)).toBe(false);
    expect(weir.output()).not.toContain(id);
  });
});

test("the log file is rotated by size while two threads write to it, and no line is lost or torn", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-logs-"));
  const file = join(directory, "weir.log");
  const count = 1_600;
  await withWeir({ LOG_FILE: file, LOG_MAX_SIZE_MB: "1", LOG_MAX_BACKUPS: "9" }, async (weir) => {
    const path = `/v1/models/${"m".repeat(2_000)}`;
    await runLoad({ count, atOnce: 8 }, () => ask(weir, path));
    await readBooks(weir.url, ({ pending }) => pending === 0);
    expect(await weir.stop()).toBe(0);
  });

  const names = readdirSync(directory);
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) expect(statSync(join(directory, name)).size).toBeLessThan(1_100_000);
  const lines = names.flatMap((name) => readFileSync(join(directory, name), "utf8").trimEnd().split("\n"));
  const phrases = lines.map((line) => (JSON.parse(line) as { readonly msg: string }).msg);
  expect(phrases.filter((phrase) => phrase === "exchange")).toHaveLength(count);
  expect(phrases).toContain("listening");
  expect(readFileSync(file, "utf8")).toContain('"msg":"stopped"');
  rmSync(directory, { recursive: true });
}, 60_000);

test("only so many older log files are kept", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-logs-"));
  const file = join(directory, "weir.log");
  await withWeir({ LOG_FILE: file, LOG_MAX_SIZE_MB: "1", LOG_MAX_BACKUPS: "1" }, async (weir) => {
    await runLoad({ count: 1_600, atOnce: 8 }, () => ask(weir, `/v1/models/${"m".repeat(2_000)}`));
    await weir.stop();
  });
  expect(readdirSync(directory).toSorted()).toEqual(["weir.log", "weir.log.1"]);
  rmSync(directory, { recursive: true });
}, 60_000);

test("a line of the log tells what an exchange was and took, and nothing of what was said", async () => {
  await withWeir({}, async (weir) => {
    const id = await ask(weir);
    await weir.waitForRecord((each) => each.id === id);
    await weir.stop();
    const line = weir.lines.find((each) => each.includes(id)) ?? "{}";
    expect(JSON.parse(line)).toMatchObject({
      level: "info",
      msg: "exchange",
      status: 200,
      model: "gpt-4o-mini-2024-07-18",
      provider: "openai",
      outcome: "answered",
      duration_ms: expect.any(Number),
      usage: { input: 2, output: 3, total: 5 },
    });
    expect(weir.output()).not.toContain("Is it?");
    expect(weir.output()).not.toContain("Yes, it is.");
    expect(weir.output()).not.toContain("sk-consumer");
  });
});
