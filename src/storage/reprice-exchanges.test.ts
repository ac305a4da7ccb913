import { expect } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { sql, type Kysely } from "kysely";
import { makeExchange, makeLogPlace } from "../../test/exchange-log.ts";
import { faultOf, onEachDatabase } from "../../test/storage.ts";
import type { Exchange } from "../domain/exchange.ts";
import type { ExchangeTables } from "./exchange-tables.ts";
import { type RepricedBatch, repriceExchanges, type RepriceParts } from "./reprice-exchanges.ts";
import { readStored } from "./stored-json.ts";
import { sumExchanges } from "./usage-sums.ts";

const march = Date.parse("2026-03-01T00:00:00Z");
const hourMs = 3_600_000;
const always = { from: 0, to: Date.parse("2100-01-01") };

/** So many nano-dollars for one LLM token; what has no usage has no price. */
const priceAt =
  (nanoUsd: number): RepriceParts["price"] =>
  async ({ cache, usage }) => {
    if (cache === "hit") return { kind: "left", reason: "cache_hit" };
    if (usage.total === 0) return { kind: "priced", cost: { unpriced: true } };
    const cost = { lines: [], source: "config", version: `v${nanoUsd}`, model: "m" };
    return { kind: "priced", cost: { cost_nano_usd: String(usage.total * nanoUsd), cost } };
  };

async function reprice(parts: Partial<RepriceParts> & Pick<RepriceParts, "database">) {
  const batches: RepricedBatch[] = [];
  const usual = { durable: false, filter: always, price: priceAt(7), dryRun: false, batchSize: 7, pauseMs: 0 };
  for await (const batch of repriceExchanges({ ...usual, ...parts })) batches.push(batch);
  return {
    looked: batches.reduce((sum, { looked }) => sum + looked, 0),
    changed: batches.flatMap(({ changed }) => changed),
    left: batches.flatMap(({ left }) => left),
  };
}

async function readAll(db: Kysely<ExchangeTables>) {
  const rows = await db.selectFrom("exchanges").selectAll().orderBy("id").execute();
  const sums = await db.selectFrom("usage_sums").selectAll().execute();
  const { bytes } = await db.selectFrom("exchange_log_state").select("bytes").executeTakeFirstOrThrow();
  return { rows, sums, bytes };
}

/** Rows say the same as their facts, and sums are those of the facts, quantiles too. */
async function expectRight(db: Kysely<ExchangeTables>): Promise<readonly Exchange[]> {
  const { rows, sums, bytes } = await readAll(db);
  const all = rows.map(({ facts }) => readStored<Exchange>(facts));
  expect(rows.map(({ cost_nano_usd: cost, unpriced }) => [cost, unpriced])).toEqual(
    all.map(({ cost_nano_usd: cost, unpriced }) => [cost === undefined ? null : Number(cost), unpriced ? 1 : 0]),
  );
  const inOrder = (counted: readonly object[]) => counted.map((each) => JSON.stringify(each)).toSorted();
  const names = ["duration_sketch", "first_byte_sketch"] as const;
  const told = sumExchanges(all).map(({ key, counts, durations, firstBytes }) => ({
    ...key,
    ...counts,
    [names[0]]: durations.toText(),
    [names[1]]: firstBytes.toText(),
  }));
  expect(inOrder(sums)).toEqual(inOrder(told));
  const nodes = await db.selectFrom("exchange_nodes").select("size").execute();
  expect([...rows, ...nodes].reduce((sum, { size }) => sum + size, 0)).toBe(bytes);
  return all;
}

/** In one statement, which sees one moment. */
async function readMoment(db: Kysely<ExchangeTables>): Promise<{ readonly told: string; readonly summed: string }> {
  const add = sql<string>`coalesce(sum(cost_nano_usd), 0) || ' ' || coalesce(sum(unpriced), 0)`.as("added");
  return db
    .selectNoFrom((query) => [
      query.selectFrom("exchanges").select(add).as("told"),
      query.selectFrom("usage_sums").select(add).as("summed"),
    ])
    .$castTo<{ told: string; summed: string }>()
    .executeTakeFirstOrThrow();
}

const randomExchange: fc.Arbitrary<Exchange> = fc
  .record({
    hour: fc.integer({ min: 0, max: 3 }),
    model: fc.constantFrom("gpt-4o", "a\0b\ud800", "m".repeat(300), undefined),
    provider: fc.constantFrom("openai", "kimi"),
    project_id: fc.constantFrom("one", "two", undefined),
    total: fc.constantFrom(0, 5, 1000),
    cost: fc.constantFrom(undefined, "0", "35", "999"),
    duration_ms: fc.double({ min: 0.01, max: 1e6, noNaN: true }),
    count: fc.constantFrom(undefined, 9),
    isHit: fc.boolean(),
    text: fc.string({ unit: "binary", maxLength: 100 }),
  })
  .map(({ hour, cost, total, isHit, text, ...rest }) =>
    makeExchange(
      JSON.parse(
        JSON.stringify({
          ...rest,
          started_at: new Date(march + hour * hourMs).toISOString(),
          input: text,
          attribution: { metadata: { text } },
          usage: { source: "provider", input: total, total, raw: { text, __proto__: 1 } },
          ...(isHit
            ? { cache: "hit", cost_nano_usd: "0", saved_nano_usd: cost }
            : { cost_nano_usd: cost, unpriced: cost === undefined ? true : undefined }),
        }),
      ),
    ),
  );

onEachDatabase((it, _place, driver) => {
  it("whatever is recorded has the new cost and all else of before, its sums too, and a second time nothing changes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(randomExchange, { minLength: 1, maxLength: 40 }), async (all) => {
        await using place = await makeLogPlace(driver);
        const { database } = place;
        const writer = await place.openWriter();
        await writer.append(all);
        const { db } = await place.read();
        const before = await expectRight(db);
        const stored = await readAll(db);

        const planned = await reprice({ database, dryRun: true });
        expect(await readAll(db)).toEqual(stored);
        const done = await reprice({ database });
        expect(done).toEqual(planned);
        expect(done.looked).toBe(all.length);
        expect(done.left).toHaveLength(all.filter(({ cache }) => cache === "hit").length);

        const after = await expectRight(db);
        const without = (exchange: Exchange) => ({ ...exchange, cost: 0, cost_nano_usd: 0, unpriced: 0 });
        expect(after.map(without)).toEqual(before.map(without));
        for (const [at, exchange] of after.entries()) {
          const { usage, cache } = exchange;
          if (cache === "hit") expect(exchange).toEqual(before[at] ?? exchange);
          else if (usage.total === 0) expect([exchange.unpriced, exchange.cost_nano_usd]).toEqual([true, undefined]);
          else
            expect([exchange.unpriced, exchange.cost_nano_usd, exchange.cost?.version]).toEqual([
              undefined,
              String(usage.total * 7),
              "v7",
            ]);
        }
        const again = await reprice({ database });
        expect([again.looked, again.changed]).toEqual([all.length, []]);
      }),
      { numRuns: driver === "sqlite" ? 25 : 5 },
    );
  }, 60_000);

  it("only what is meant is looked at: a time, a project, a provider, a model", async () => {
    await using place = await makeLogPlace(driver);
    const writer = await place.openWriter();
    const usage = { source: "provider", input: 5, total: 5 } as const;
    const make = (hour: number, different: Partial<Exchange>) =>
      makeExchange({ started_at: new Date(march + hour * hourMs).toISOString(), usage, ...different });
    const all = [
      make(0, { project_id: "one" }),
      make(1, { project_id: "two", provider: "kimi" }),
      make(2, { model: "m".repeat(300) }),
    ];
    await writer.append(all);
    const looked = async (filter: Partial<RepriceParts["filter"]>) =>
      (await reprice({ database: place.database, dryRun: true, filter: { ...always, ...filter } })).changed.map(
        ({ before }) => all.findIndex(({ id }) => id === before.id),
      );
    expect(await looked({})).toEqual([0, 1, 2]);
    expect(await looked({ from: march + hourMs, to: march + 2 * hourMs })).toEqual([1]);
    expect(await looked({ projectId: "one" })).toEqual([0]);
    expect(await looked({ provider: "kimi" })).toEqual([1]);
    expect(await looked({ model: "m".repeat(300) })).toEqual([2]);
    expect(await looked({ projectId: "one", provider: "kimi" })).toEqual([]);
  });

  it("what a model has put out is found where it is kept, and else is said not to be", async () => {
    await using place = await makeLogPlace(driver);
    const writer = await place.openWriter();
    const output = { kind: "text", text: "hi" } as const;
    const bodies = [
      { input: "x", output },
      { output },
      { input: "x", parameters: { n: 1 } },
      { parameters: { n: 1 } },
      {},
    ];
    await writer.append(bodies.map((body) => makeExchange(body)));
    const found: unknown[] = [];
    await reprice({
      database: place.database,
      price: async (_, findOutput) => {
        found.push(await findOutput());
        return { kind: "left", reason: "tested" };
      },
    });
    expect(found).toEqual([{ output }, { output }, { output: undefined }, undefined, undefined]);
  });

  it("an exchange that went, or was changed, since it was read is passed over, and is in no sum twice", async () => {
    await using place = await makeLogPlace(driver);
    const { database } = place;
    const writer = await place.openWriter();
    const usage = { source: "provider", input: 5, total: 5 } as const;
    const [gone, changed, stays] = [makeExchange({ usage }), makeExchange({ usage }), makeExchange({ usage })];
    await writer.append([gone, changed, stays]);
    const { db } = await place.read();
    const { changed: made } = await reprice({
      database,
      onFirstChange: async () => {
        await db.deleteFrom("exchanges").where("id", "=", gone.id).execute();
        await reprice({ database, price: priceAt(3), filter: always });
      },
    });
    // The other run was faster with both.
    expect(made).toEqual([]);
    expect(await readMoment(db)).toEqual({ told: "30 0", summed: "30 0" });
    expect((await reprice({ database })).changed.map(({ after }) => after.id)).toEqual(
      [changed.id, stays.id].toSorted(),
    );
    expect(await readMoment(db)).toEqual({ told: "70 0", summed: "70 0" });
  });

  it("nothing is changed where what has to happen before fails, and a log that isn't there is told", async () => {
    await using place = await makeLogPlace(driver);
    const { database } = place;
    const writer = await place.openWriter();
    await writer.append([makeExchange({ usage: { source: "provider", input: 5, total: 5 } })]);
    const onFirstChange = () => Promise.reject(new Error("the audit is away"));
    expect(await faultOf(reprice({ database, onFirstChange }))).toBe("the audit is away");
    expect(await readMoment((await place.read()).db)).toEqual({ told: "0 0", summed: "0 0" });
    await using empty = await makeLogPlace(driver);
    expect(await faultOf(reprice({ database: empty.database }))).toMatch(
      driver === "postgres" ? /There is no exchange log in that database yet/ : /ENOENT/,
    );
  });

  it("while others append, the sums are those of the exchanges at every moment", async () => {
    await using place = await makeLogPlace(driver);
    const { database } = place;
    const writer = await place.openWriter();
    const { db } = await place.read();
    const make = (at: number) =>
      makeExchange({ usage: { source: "provider", input: at, total: at }, cost_nano_usd: String(at) });
    await writer.append(Array.from({ length: 300 }, (_, at) => make(at)));
    let appended = 300;
    let moments = 0;
    let done = false;
    const appending = (async () => {
      for (; !done; appended += 10) {
        await writer.append(Array.from({ length: 10 }, (_, at) => make(at)));
        await Bun.sleep(1);
      }
    })();
    const watching = (async () => {
      for (; !done; moments += 1) {
        const { told, summed } = await readMoment(db);
        expect(summed).toBe(told);
        await Bun.sleep(1);
      }
    })();
    const end = performance.now() + 10_000;
    const isMixed = () => appended > 320 && moments > 2;
    try {
      for (let price = 2; price < 5 || (!isMixed() && performance.now() < end); price += 1)
        await reprice({ database, price: priceAt(price), batchSize: 50, pauseMs: 2 });
    } finally {
      done = true;
    }
    await Promise.all([appending, watching]);
    expect(moments).toBeGreaterThan(2);
    expect(appended).toBeGreaterThan(320);
    await reprice({ database });
    expect(await expectRight(db)).toHaveLength(appended);
  }, 30_000);

  it("after kill -9 at any moment the sums are those of the exchanges, and another run makes it whole", async () => {
    await using place = await makeLogPlace(driver);
    const { database } = place;
    const writer = await place.openWriter();
    await writer.append(
      Array.from({ length: 400 }, (_, at) => makeExchange({ usage: { source: "provider", input: at, total: at } })),
    );
    const { db } = await place.read();
    const script = join(place.folder, "child.ts");
    await Bun.write(script, child);
    let mixed = 0;
    for (const [time, delay] of fc.sample(fc.integer({ min: 0, max: 60 }), { numRuns: 6, seed: 1 }).entries()) {
      const process = Bun.spawn([globalThis.process.execPath, script], {
        stdin: new Blob([JSON.stringify({ database, first: 1 + time * 1000 })]),
        stdout: "pipe",
        stderr: "inherit",
      });
      await process.stdout.getReader().read();
      await Bun.sleep(delay);
      process.kill("SIGKILL");
      await process.exited;
      const all = await expectRight(db);
      // Without the one that has no usage.
      const versions = new Set(all.filter(({ usage }) => usage.total > 0).map(({ cost }) => cost?.version));
      if (versions.size > 1) mixed += 1;
    }
    // It was killed in the middle of its work.
    expect(mixed).toBeGreaterThan(0);
    await reprice({ database });
    const whole = await expectRight(db);
    expect(new Set(whole.map(({ cost }) => cost?.version))).toEqual(new Set([undefined, "v7"]));
  }, 30_000);
});

/** Reprices over and over, each time with another price. */
const child = `
import { repriceExchanges } from ${JSON.stringify(join(import.meta.dir, "reprice-exchanges.ts"))};
const { database, first } = await Bun.stdin.json();
for (let price = first; ; price += 1) {
  const priced = async ({ usage }) => usage.total === 0
    ? { kind: "priced", cost: { unpriced: true } }
    : { kind: "priced", cost: { cost_nano_usd: String(usage.total * price), cost: { lines: [], source: "config", version: "p" + price } } };
  const parts = { database, durable: false, filter: { from: 0, to: 4e12 }, price: priced, dryRun: false, batchSize: 20, pauseMs: 0 };
  for await (const { looked } of repriceExchanges(parts)) if (price === first) console.log(looked);
}
`;
