import { expect } from "bun:test";
import { statSync } from "node:fs";
import fc from "fast-check";
import { onEachDatabase } from "../../test/storage.ts";
import type { Exchange } from "../domain/exchange.ts";
import { createSketch } from "../lib/sketch.ts";
import { readBody } from "./exchange-body.ts";
import { type LogPlace, makeExchange, makeLogPlace } from "../../test/exchange-log.ts";
import type { UsageSumRow } from "./exchange-tables.ts";

const dayMs = 86_400_000;

async function readAll(place: LogPlace) {
  const { db } = await place.read();
  const [exchanges, nodes, sums, state] = await Promise.all([
    db.selectFrom("exchanges").selectAll().orderBy("id").execute(),
    db.selectFrom("exchange_nodes").selectAll().orderBy("id").execute(),
    db.selectFrom("usage_sums").selectAll().execute(),
    db.selectFrom("exchange_log_state").select("bytes").executeTakeFirstOrThrow(),
  ]);
  return { db, exchanges, nodes, sums, bytes: state.bytes };
}

/** Every node is held by what says that it does. */
function expectRightRefs({ exchanges, nodes, bytes }: Awaited<ReturnType<typeof readAll>>): void {
  const refs = new Map<string, number>();
  const holders = [...exchanges.map(({ tip }) => tip), ...nodes.map(({ parent }) => parent)];
  for (const id of holders) if (id !== null) refs.set(id, (refs.get(id) ?? 0) + 1);
  expect(new Map(nodes.map(({ id, refs: count }) => [id, count]))).toEqual(refs);
  expect([...exchanges, ...nodes].reduce((sum, { size }) => sum + size, 0)).toBe(bytes);
}

const text = fc.string({ unit: "binary", maxLength: 250 });
const models = fc.constantFrom("gpt-4o", "claude", undefined, "m".repeat(500), "a\0b\ud800");
const message = fc.record({ role: fc.constantFrom("user", "assistant"), content: fc.oneof(text, fc.jsonValue()) });
const randomExchange: fc.Arbitrary<Exchange> = fc
  .record({
    hour: fc.integer({ min: 0, max: 2 }),
    model: models,
    user: fc.constantFrom("alice", "bob", undefined),
    status: fc.constantFrom(200, 429, 500, undefined),
    outcome: fc.constantFrom("answered", "refused", "failed", "aborted"),
    input: fc.option(fc.oneof(fc.record({ messages: fc.array(message, { maxLength: 6 }) }), fc.jsonValue()), {
      nil: undefined,
    }),
    parameters: fc.option(fc.dictionary(fc.string(), fc.jsonValue()), { nil: undefined }),
    output: fc.option(fc.record({ kind: fc.constant("text" as const), text }), { nil: undefined }),
    tokens: fc.integer({ min: 0, max: 100_000 }),
    cost: fc.option(fc.bigInt({ min: 0n, max: 10n ** 12n }), { nil: undefined }),
    isHit: fc.boolean(),
    duration: fc.double({ min: 0.01, max: 1e6, noNaN: true }),
    count: fc.constantFrom(undefined, 1, 250),
  })
  .map(({ hour, model, user, tokens, cost, isHit, duration, count, ...rest }) =>
    makeExchange(
      // As it comes out of the outbox: without what is undefined.
      JSON.parse(
        JSON.stringify({
          ...rest,
          model,
          count,
          started_at: new Date(Date.UTC(2026, 2, 1, hour, 59, 59, 999)).toISOString(),
          usage: { source: "provider", input: tokens, output: 2, total: tokens + 2 },
          attribution: { user },
          duration_ms: duration,
          ...(isHit ? { cache: "hit", saved_nano_usd: cost?.toString() } : { cost_nano_usd: cost?.toString() }),
        }),
      ),
    ),
  );

onEachDatabase((it, _place, driver) => {
  it("keeps of a project's exchanges what the project wants, and counts all of them", async () => {
    await using place = await makeLogPlace(driver);
    const writer = await place.openWriter();
    const input = { messages: [{ role: "user", content: "secret" }] };
    const make = (id: string, exchange_log?: "metadata" | "off") =>
      makeExchange({ id, input, output: { kind: "text", text: "too" }, ...(exchange_log && { exchange_log }) });
    await writer.append([make("01a"), make("01b", "metadata"), make("01c", "off")]);
    const { exchanges, nodes, sums } = await readAll(place);
    expect(exchanges.map(({ id, tip, rest }) => [id, tip !== null, rest !== null])).toEqual([
      ["01a", true, true],
      ["01b", false, false],
    ]);
    expect(nodes).toHaveLength(2);
    expect(sums.reduce((sum, { requests }) => sum + requests, 0)).toBe(3);
  });

  it("what was said comes back as it was, and sums are the sums of records, in whatever batches they come", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(randomExchange, { maxLength: 30 }),
        fc.integer({ min: 1, max: 10 }),
        async (all, size) => {
          await using place = await makeLogPlace(driver);
          const writer = await place.openWriter();
          for (let at = 0; at < all.length; at += size) await writer.append(all.slice(at, at + size));
          const found = await readAll(place);
          expectRightRefs(found);
          for (const { id, input, parameters, output } of all) {
            const body = await readBody(found.db, id);
            expect(JSON.stringify([body?.input, body?.parameters, body?.output])).toBe(
              JSON.stringify([input, parameters, output]),
            );
          }
          expectSums(found.sums, all);
        },
      ),
      { numRuns: driver === "sqlite" ? 30 : 6 },
    );
  }, 60_000);

  it("a row has what exchanges are listed by, and all of the exchange but what was said", async () => {
    await using place = await makeLogPlace(driver);
    const exchange = makeExchange({
      input: { messages: [] },
      parameters: { temperature: 1 },
      project_id: "p",
      token_id: "t",
      attribution: { user: "u", session: "s" },
      usage: { source: "provider", input: 1, input_cached: 2, output: 4, output_reasoning: 8, total: 15 },
      cost_nano_usd: "3000000000",
      first_byte_ms: 12.5,
    });
    await (await place.openWriter()).append([exchange]);
    const { exchanges } = await readAll(place);
    const { input: _, parameters: __, ...facts } = exchange;
    expect(exchanges).toMatchObject([
      {
        id: exchange.id,
        started_at: Date.parse(exchange.started_at),
        provider: "openai",
        model: "gpt-4o-mini",
        project_id: "p",
        token_id: "t",
        user_id: "u",
        session_id: "s",
        status: 200,
        outcome: "answered",
        cause: null,
        streaming: 0,
        cache: null,
        duration_ms: 500,
        first_byte_ms: 12.5,
        input_tokens: 3,
        output_tokens: 12,
        cost_nano_usd: 3_000_000_000,
        unpriced: 0,
      },
    ]);
    expect(JSON.parse(exchanges[0]?.facts ?? "")).toEqual(facts);
  });

  it("an exchange that comes again changes nothing, in the same batch, in another one, or when its row is gone", async () => {
    await using place = await makeLogPlace(driver);
    let now = Date.parse("2026-03-01T11:00:00Z");
    const writer = await place.openWriter({ now: () => now, retentionMs: dayMs });
    const all = Array.from({ length: 5 }, (_, at) => makeExchange({ input: { messages: [{ at }] } }));
    await writer.append([...all, ...all]);
    const before = await readAll(place);
    await writer.append(all);
    expect(await readAll(place)).toMatchObject({ ...before, db: expect.anything() });
    now += 8 * dayMs;
    while (await writer.trim());
    await writer.append(all);
    const after = await readAll(place);
    expect(after).toMatchObject({ exchanges: [], nodes: [], bytes: 0 });
    expect(after.sums).toEqual(before.sums);
    expect(after.sums).toMatchObject([{ requests: 5 }]);
    now += 2 * dayMs;
    await writer.trim();
    expect(await after.db.selectFrom("counted_exchanges").selectAll().execute()).toEqual([]);
  });

  it("an agent's fifty turns take about as much as its last request", async () => {
    const said = (turn: number) => ({ role: "user", content: `${turn} ${crypto.randomUUID().repeat(30)}` });
    const messages = Array.from({ length: 100 }, (_, turn) => said(turn));
    const requests = Array.from({ length: 50 }, (_, turn) => ({
      tools: [{ name: "search" }],
      messages: messages.slice(0, 2 * turn + 2),
    }));
    await using once = await makeLogPlace(driver);
    await (await once.openWriter()).append([makeExchange({ input: requests.at(-1) })]);
    await using place = await makeLogPlace(driver);
    const writer = await place.openWriter();
    const exchanges = requests.map((input) => makeExchange({ input }));
    for (const exchange of exchanges) await writer.append([exchange]);
    const nodes = (await readAll(place)).nodes.reduce((sum, { size }) => sum + size, 0);
    expect(nodes).toBe((await readAll(once)).nodes.reduce((sum, { size }) => sum + size, 0));
    const found = await readAll(place);
    expectRightRefs(found);
    expect(await readBody(found.db, exchanges[20]?.id ?? "")).toEqual({ input: requests[20] });
  });

  it("sums alone are kept where exchanges aren't", async () => {
    await using place = await makeLogPlace(driver);
    const writer = await place.openWriter({ keepsRows: false });
    await writer.append([makeExchange({ input: { messages: [{ role: "user" }] } })]);
    expect(await readAll(place)).toMatchObject({ exchanges: [], nodes: [], bytes: 0, sums: [{ requests: 1 }] });
  });

  it("what is too old goes, the oldest first, and what others hold stays", async () => {
    await using place = await makeLogPlace(driver);
    const from = Date.parse("2026-03-01T00:00:00Z");
    let now = from;
    const writer = await place.openWriter({ now: () => now, retentionMs: 30 * dayMs });
    const messages = Array.from({ length: 60 }, (_, at) => ({ role: "user", content: `turn ${at}` }));
    const all = messages.map((__, at) =>
      makeExchange({
        started_at: new Date(from + at * dayMs).toISOString(),
        input: { messages: messages.slice(0, at + 1) },
      }),
    );
    await writer.append(all);
    now = from + 40.5 * dayMs;
    while (await writer.trim());
    const found = await readAll(place);
    expect(found.exchanges.map(({ id }) => id)).toEqual(all.slice(11).map(({ id }) => id));
    expectRightRefs(found);
    expect(await readBody(found.db, all[59]?.id ?? "")).toEqual({ input: { messages } });
    now = from + 400 * dayMs;
    while (await writer.trim());
    const empty = await readAll(place);
    expect(empty).toMatchObject({ exchanges: [], nodes: [], bytes: 0 });
    expect(empty.sums.reduce((sum, { requests }) => sum + requests, 0)).toBe(60);
  });

  it("it stays below its bound, and the sums know all that ever came", async () => {
    await using place = await makeLogPlace(driver);
    const maxBytes = 4_000_000;
    const writer = await place.openWriter({ maxBytes });
    let count = 0;
    let largest = 0;
    for (let batch = 0; batch < 60; batch += 1) {
      const exchanges = Array.from({ length: 100 }, () =>
        makeExchange({ input: { messages: [{ content: crypto.randomUUID().repeat(60) }] } }),
      );
      await writer.append(exchanges);
      count += exchanges.length;
      largest = Math.max(largest, await sizeOf(place));
    }
    expect(largest).toBeLessThan(maxBytes);
    const found = await readAll(place);
    expect(found.exchanges.length).toBeGreaterThan(500);
    expect(found.exchanges.length).toBeLessThan(count);
    expectRightRefs(found);
    expect(found.sums.reduce((sum, { requests }) => sum + requests, 0)).toBe(count);
  }, 60_000);

  it("two writers at once count each exchange once", async () => {
    await using place = await makeLogPlace(driver);
    const writers = [await place.openWriter(), await place.openWriter()];
    const history = Array.from({ length: 10 }, (_, at) => ({ role: "user", content: `same ${at}` }));
    const all = Array.from({ length: 200 }, (_, at) =>
      makeExchange({ input: { messages: [...history, { role: "user", content: String(at % 50) }] } }),
    );
    const parts = Array.from({ length: 20 }, (_, at) => all.slice(at * 10, at * 10 + 10));
    await Promise.all(parts.flatMap((part) => writers.map((writer) => writer.append(part))));
    const found = await readAll(place);
    expect(found.sums).toMatchObject([{ requests: 200 }]);
    expect(found.exchanges).toHaveLength(200);
    expect(found.nodes).toHaveLength(1 + 10 + 50);
    expectRightRefs(found);
  });

  async function sizeOf(place: LogPlace): Promise<number> {
    if (place.database.driver === "postgres") return (await readAll(place)).bytes;
    const { path } = place.database;
    return statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  }
});

const tooLong = 200;

/** What the rows of sums come to for one user and model and hour is what the exchanges themselves say. */
function expectSums(sums: readonly UsageSumRow[], all: readonly Exchange[]): void {
  const nameOf = (parts: readonly unknown[]) => JSON.stringify(parts);
  const expected = Map.groupBy(all, ({ started_at, model = "", status = 0, attribution: { user = "" } }) =>
    nameOf([
      Math.floor(Date.parse(started_at) / 3_600_000) * 3_600_000,
      user,
      model.toWellFormed().replaceAll("\0", "\ufffd").slice(0, tooLong),
      status,
    ]),
  );
  expect(sums).toHaveLength(expected.size);
  for (const row of sums) {
    const group = expected.get(nameOf([row.hour, row.user_id, row.model, row.status])) ?? [];
    const sum = (valueOf: (exchange: Exchange) => number) => group.reduce((so, each) => so + valueOf(each), 0);
    const countOf = ({ count = 1 }: Exchange) => count;
    expect(row).toMatchObject({
      requests: sum(countOf),
      cache_hits: sum((each) => (each.cache === "hit" ? countOf(each) : 0)),
      errors: sum((each) =>
        each.outcome === "aborted" || (each.outcome === "answered" && (each.status ?? 0) < 400) ? 0 : countOf(each),
      ),
      input: sum(({ usage }) => usage.input ?? 0),
      output: 2 * group.length,
      cost_nano_usd: sum(({ cost_nano_usd: cost = "0" }) => Number(cost)),
      saved_nano_usd: sum(({ saved_nano_usd: saved = "0" }) => Number(saved)),
    });
    expect(createSketch(row.duration_sketch).count()).toBe(row.requests);
    const longest = Math.max(...group.map((each) => each.duration_ms));
    const told = createSketch(row.duration_sketch).quantile(1) ?? 0;
    expect(Math.abs(told - longest) / longest).toBeLessThan(0.02);
  }
}
