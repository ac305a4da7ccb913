import { expect } from "bun:test";
import { sql } from "kysely";
import { openExchangeLog } from "../src/storage/exchange-log.ts";
import type { ExchangeQuestion } from "../src/storage/exchange-questions.ts";
import type { ExchangeFilter } from "../src/storage/exchange-queries.ts";
import type { UsageKey } from "../src/storage/usage-queries.ts";
import { logOf, openAnswers } from "./exchange-answers.ts";
import { onEachDatabase, type Place } from "./storage.ts";

/** `WEIR_LONG=1` is the long form, whose figures count: over a million exchanges of 30 days. */
const isLong = process.env["WEIR_LONG"] === "1";
const count = isLong ? 1_000_000 : 20_000;
/** The short form runs beside other tests, on any machine: it finds what is much slower. */
const patience = isLong ? 1 : 3;

const hourMs = 3_600_000;
const days30 = 30 * 24 * hourMs;
const start = Date.parse("2026-03-01T00:00:00Z");

const filters: Readonly<Record<string, ExchangeFilter>> = {
  none: {},
  project: { projectId: "project-3" },
  token: { tokenId: "token-17" },
  provider: { provider: "anthropic" },
  model: { model: "model-5" },
  user: { user: "user-123" },
  session: { session: "session-77" },
  failures: { outcome: "failed" },
  status: { status: 429 },
  "a day of a project": { projectId: "project-3", from: start + days30 / 2, to: start + days30 / 2 + 24 * hourMs },
  "hits of a model": { model: "model-5", cache: "hit" },
  "errors of a token": { tokenId: "token-17", status: 500 },
  "slow ones": { minDurationMs: 9_900 },
  "a path": { search: "COMPLETIONS" },
  "two rare things at once": { provider: "anthropic", kind: "embedding" },
  "dear ones": { minCostNanoUsd: 1e12 },
  "what nobody wrote": { search: "no such text" },
};

const groups: Readonly<Record<string, readonly UsageKey[]>> = {
  "nothing at all": [],
  model: ["model"],
  "day and model": ["day", "model"],
  "project and status": ["project", "status"],
};

const limits: Readonly<Record<string, number>> = {
  "usage by nothing at all": 200,
  "usage by model": 200,
  "usage by day and model": 400,
  "usage by project and status": 400,
};

onEachDatabase((test, makePlace, driver) => {
  test(`a page of ${count} exchanges takes less than ${100 * patience} ms, and an overview of 30 days less than ${200 * patience}`, async () => {
    await using place = await makePlace();
    await fill(place);
    await using log = await openAnswers(place);
    const figures: Record<string, number> = {};
    const measure = async (name: string, question: ExchangeQuestion) => {
      const times: number[] = [];
      for (let turn = 0; turn < 5; turn += 1) {
        const since = performance.now();
        await log.ask(question);
        times.push(performance.now() - since);
      }
      // Whatever else the machine does makes it slower, never faster.
      figures[name] = Math.round(Math.min(...times));
      if (isLong) process.stdout.write(`${driver} ${name}: ${times.map((time) => time.toFixed(0)).join(" ")} ms\n`);
    };
    for (const [name, filter] of Object.entries(filters))
      await measure(`list by ${name}`, { kind: "list", filter, page: { limit: 100 } });
    for (const [name, groupBy] of Object.entries(groups))
      await measure(`usage by ${name}`, { kind: "usage", query: { from: start, to: start + days30, groupBy } });
    const slow = Object.entries(figures).filter(([name, time]) => time > (limits[name] ?? 100) * patience);
    expect(slow).toEqual([]);
  }, 300_000);
});

/** By the database itself: what the program would write, one by one, takes minutes. */
async function fill(place: Place): Promise<void> {
  await using storage = await openExchangeLog(logOf(place), () => {});
  const isSqlite = storage.driver === "sqlite";
  const table = (name: string) => sql.table(isSqlite ? name : `weir.${name}`);
  const hex = (number: string, digits: number) =>
    sql.raw(isSqlite ? `printf('%0${digits}x', ${number})` : `lpad(to_hex((${number})::bigint), ${digits}, '0')`);
  const series = (to: number) =>
    isSqlite
      ? sql`with recursive series(n) as (select 0 union all select n + 1 from series where n < ${to - 1})`
      : sql`with series as (select n from generate_series(0::bigint, ${sql.lit(to - 1)}::bigint) as n)`;
  const at = sql.raw(`(${start} + n * ${Math.floor(days30 / count)})`);
  const time = hex(`${start} + cast(n as bigint) * ${Math.floor(days30 / count)}`, 12);
  await sql`insert into ${table("exchanges")} (id, started_at, kind, provider, model, project_id, token_id, user_id, session_id, trace_id,
      method, path, status, outcome, cause, streaming, cache, duration_ms, first_byte_ms, input_tokens, output_tokens,
      cost_nano_usd, unpriced, facts, tip, rest, size)
    ${series(count)}
    select substr(${time}, 1, 8) || '-' || substr(${time}, 9, 4) || '-7000-8000-' || ${hex("n", 12)}, ${at},
      case when n % 1000 = 7 then 'embedding' else 'generation' end,
      case n % 3 when 0 then 'openai' when 1 then 'anthropic' else 'gemini' end, 'model-' || (n / 7 % 8), 'project-' || (n % 10),
      'token-' || (n % 40), 'user-' || (n / 3 % 2000), 'session-' || (n / 20), 'trace-' || n, 'POST', '/v1/chat/completions',
      case when n % 200 = 0 then 500 when n % 50 = 0 then 429 else 200 end,
      case when n % 200 = 0 then 'failed' when n % 50 = 0 then 'refused' else 'answered' end,
      case when n % 200 = 0 then 'upstream_reset' end, n % 2, case when n % 10 = 0 then 'hit' end,
      n * 7919 % 100000 / 10.0, n * 7919 % 10000 / 10.0, n % 5000, n % 700, n % 97 * 1000, 0, ${"x".repeat(700)}, null, null, 1500
    from series`.execute(storage.slowDb);
  const sums = ["requests", "errors", "cache_hits", "unpriced", "input", "input_cached", "input_cache_write_5m"];
  const others = [
    "input_cache_write_1h",
    "input_audio",
    "input_image",
    "output",
    "output_reasoning",
    "output_audio",
    "output_image",
  ];
  const columns = [...sums, ...others, "cost_nano_usd", "saved_nano_usd"];
  await sql`insert into ${table("usage_sums")} (hour, project_id, token_id, user_id, provider, model, status,
      ${sql.raw(columns.join(", "))}, duration_sketch, first_byte_sketch)
    ${series(sumCount)}
    select ${start} + n / 120 * ${hourMs}, 'project-' || (n % 10), 'token-' || (n % 40), '', 'openai', 'model-' || (n % 120 / 40), 200,
      ${sql.raw(columns.map((_, index) => `n % 1000 * ${index}`).join(", "))},
      '[' || (300 + n % 50) || ',3,' || (360 + n % 50) || ',2,' || (420 + n % 50) || ',2]',
      '[' || (200 + n % 50) || ',3,' || (260 + n % 50) || ',4]'
    from series`.execute(storage.slowDb);
  // PostgreSQL does it by itself, some time after rows have come.
  if (!isSqlite) await sql`analyze`.execute(storage.slowDb);
}

/** Rows of sums for each of 720 hours: 40 tokens, and 3 models each. */
const sumCount = isLong ? 720 * 120 : 2_000;
