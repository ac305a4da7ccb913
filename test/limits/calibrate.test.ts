import { expect, test } from "bun:test";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { type Home, makeHome } from "../cli/program.ts";
import { exchangeAt, writeExchanges } from "../exchange-answers.ts";
import { makeSqlitePlace, onEachDatabase } from "../storage.ts";
import { startWeir, waitFor } from "../weir.ts";
import { type Asked, ask as askAt } from "./ask.ts";
import { openProvider } from "./provider.ts";
import { envOf, openStage } from "./stage.ts";

type Env = Readonly<Record<string, string>>;

const ratioSchema = z.strictObject({
  by: z.string(),
  provider: z.string().optional(),
  model: z.string().optional(),
  exchanges: z.number(),
  per_token: z.number(),
  now: z.number(),
  estimate_over_actual: z.strictObject({ median: z.number(), p95: z.number() }),
});
const toldSchema = z.looseObject({
  ratios: z.array(ratioSchema),
  left_out: z.record(z.string(), z.number()),
  too_few: z.array(z.looseObject({ model: z.string(), exchanges: z.number() })),
  yaml: z.string().optional(),
});

async function calibrate(home: Home, env: Env, ...args: string[]) {
  const { stdout } = await home.weir(["limits", "calibrate", "--json", ...args], env);
  return toldSchema.parse(JSON.parse(stdout));
}

const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
const body = (members: object) => JSON.stringify({ model: "gpt-4o", max_tokens: 1, ...members });

/** What each is worth, told by the provider: 3.5 characters for an LLM token, 4, 5, and 2.5 bytes. */
const measured: readonly Asked[] = [
  { text: "a".repeat(700), plan: { input: 200, output: 1 } },
  { family: "anthropic", text: "Ü".repeat(600), stream: true, plan: { input: 150, output: 1 } },
  { family: "gemini", text: "a".repeat(500), plan: { input: 100, output: 1 } },
  { model: "gpt-large", text: "a".repeat(30_000), plan: { input: 12_032, output: 1 } },
  {
    headers: { "content-encoding": "gzip" },
    body: gzipSync(body({ messages: [{ role: "user", content: "b".repeat(700) }] })),
    plan: { input: 200, output: 1 },
  },
];
const leftOut: readonly Asked[] = [
  { plan: { status: 500 } },
  { plan: {} },
  { text: "a".repeat(150_000), plan: { input: 9, output: 1 } },
  { body: body({ messages: [{ role: "user", content: [image] }] }), plan: { input: 9, output: 1 } },
  {
    target: "/v1/responses",
    body: body({ input: "Go on", previous_response_id: "resp_1" }),
    plan: { input: 9, output: 1 },
  },
];

onEachDatabase((databaseTest, makePlace) => {
  databaseTest(
    "what providers billed becomes the ratios of a weir.yaml, beside a gateway that runs",
    async () => {
      await using place = await makePlace();
      await using provider = openProvider();
      await using home = await makeHome();
      await using weir = await startWeir({
        env: { ...envOf(provider.url), ...place.env, TELEMETRY_MAX_BODY_BYTES: "100KB", HTTP_CACHE_ENABLED: "true" },
      });
      const env = { ...place.env, DATA_DIR: weir.dataDir };
      const ask = async (asked: Asked) => (await askAt(weir.url, { key: "sk-consumer", ...asked })).headers;
      for (const asked of [...measured, ...measured, ...measured, ...leftOut]) await ask(asked);
      const kept: Asked = {
        text: "Kept",
        plan: { input: 1_000_000, output: 1 },
        model: "gpt-kept",
        headers: { "cache-control": "public, max-age=60" },
      };
      await waitFor(async () => (await ask(kept)).get("x-weir-cache") === "hit" || undefined, "It is never kept");

      const told = await waitFor(
        async () => {
          // Others go on calling meanwhile.
          const [found] = await Promise.all([
            calibrate(home, env, "--min", "3"),
            ...Array.from({ length: 20 }, () => ask({ plan: { status: 500 } })),
          ]);
          return found.left_out["cached"] !== undefined && found.ratios.length === 9 ? found : undefined;
        },
        "The log doesn't have all of it",
        20_000,
      );
      const rows = told.ratios.map(({ by, provider: of, model, exchanges, per_token: ratio, now }) =>
        [by, of, model, exchanges, ratio, now].join(" "),
      );
      expect(rows).toEqual([
        "characters anthropic  3 4 3",
        "characters anthropic claude-sonnet-4-5 3 4 3",
        "characters gemini  3 5 4",
        "characters gemini gemini-2.5-flash 3 5 4",
        "characters openai  6 3.5 5",
        "characters openai gpt-4o 3 3.5 5",
        // The provider doesn't look into a compressed body, and names no model.
        "characters openai none 3 3.5 5",
        "bytes   3 2.5 4",
        "bytes openai gpt-large 3 2.5 4",
      ]);
      expect(told.ratios.at(-4)?.estimate_over_actual).toEqual({ median: 0.7, p95: 0.7 });
      expect(told.left_out).toMatchObject({ cached: 1, no_usage: 1, partial: 1, media: 1, elsewhere: 1 });
      expect(told.left_out["unanswered"]).toBeGreaterThan(0);
      expect(told.too_few).toMatchObject([{ model: "gpt-kept", exchanges: 1 }]);

      const only = await calibrate(home, env, "--min", "2", "--most", "2", "--provider", "gemini");
      expect(only.ratios.map(({ provider: of, exchanges }) => [of, exchanges])).toEqual([
        ["gemini", 2],
        ["gemini", 2],
      ]);
      await weir.stop();
      const { code, stdout, stderr } = await home.weir(["limits", "calibrate", "--min", "3"], env);
      expect([code, stderr]).toEqual([0, ""]);
      await using stage = await openStage({ yaml: stdout, env: { TOKENS_PER_MINUTE: "100000" } });
      const takes = async (asked: Asked) => {
        const token = await stage.mint();
        const { limit } = await stage.ask({ ...asked, token });
        return 100_000 - (limit.remaining ?? 0) - 1;
      };
      for (const asked of measured) expect(await takes(asked)).toBe(asked.plan?.input ?? 0);
    },
    60_000,
  );
});

test("where there is nothing to count, it says what to do", async () => {
  await using place = await makeSqlitePlace();
  await using home = await makeHome();
  const env = { DATA_DIR: place.folder };
  const fail = async (more: Env = {}, ...args: string[]) => {
    const { code, stdout, stderr } = await home.weir(["limits", "calibrate", ...args], { ...env, ...more });
    expect(stdout).toBe("");
    return `${code} ${stderr}`;
  };
  const log = join(place.folder, "exchanges.db");
  expect(await fail()).toStartWith(`1 There is no exchange log to count by: ${log} isn't there.\nCheck DATA_DIR`);
  expect(await fail({ TELEMETRY: "off" })).toContain("TELEMETRY=off records nothing: switch it on");
  expect(await fail({ SINKS: "file" })).toContain("SINKS leaves out store: add it");

  await writeExchanges(place, []);
  expect(await fail()).toContain("The exchange log has no such exchanges.");
  const start = Date.parse("2026-03-01T10:00:00Z");
  await writeExchanges(place, [exchangeAt(start), exchangeAt(start)]);
  expect(await fail()).toContain("Left out: 2, what was said isn't kept\nWhat was said is kept where EXCHANGE_LOG");
  expect(await fail({ EXCHANGE_LOG: "metadata" })).toContain("keeps no bodies (metadata): set EXCHANGE_LOG=full");
  const said = { input: { messages: [{ role: "user", content: "Hello" }] } };
  await writeExchanges(place, [exchangeAt(start + 1000, said)]);
  expect(await fail()).toContain("Too few: openai gpt-4o-mini, 1 exchange by characters (--min 20)");
  expect(await fail({}, "--min", "1", "--to", "2026-03-01T10:00:00Z")).not.toContain("Too few");
  expect(await fail({}, "--min", "1", "--from", "2026-03-01T10:00:02Z")).toContain("has no such exchanges");
  expect((await calibrate(home, env, "--min", "1", "--from", "2026-03-01T10:00:01Z")).ratios).toHaveLength(2);
}, 60_000);

test("a mistake in the options is 2, a database that isn't there 3, and neither tells a password", async () => {
  await using home = await makeHome();
  const run = (...args: string[]) => home.weir(["limits", "calibrate", ...args]);
  for (const args of [
    ["--min", "0"],
    ["--min", "many"],
    ["--most", "10001"],
    ["--from", "soon"],
  ])
    expect([args, (await run(...args)).code]).toEqual([args, 2]);
  expect(await run("--from", "2026-03-02", "--to", "2026-03-01")).toMatchObject({
    code: 2,
    stderr: "--from must be a time before that of --to\n",
  });
  const { code, stderr } = await home.weir(["limits", "calibrate"], {
    DB_DRIVER: "postgres",
    DATABASE_URL: "postgres://weir:canary-0123456789@127.0.0.1:1/weir",
  });
  expect([code, stderr]).toEqual([3, expect.stringContaining("127.0.0.1:1/weir can't be reached")]);
  expect(stderr).not.toContain("canary");
}, 60_000);
