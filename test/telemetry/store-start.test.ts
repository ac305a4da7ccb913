import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openExchangeLog } from "../../src/storage/exchange-log.ts";
import { startWeir, type Weir } from "../weir.ts";
import { readBooks } from "./books.ts";
import { callWeir } from "./stage.ts";
import { startUpstream } from "./upstream.ts";

function openUpstream(): AsyncDisposable & { readonly url: string } {
  const { url, stop } = startUpstream(() => Response.json({ object: "list", data: [] }));
  return { url, [Symbol.asyncDispose]: stop };
}

async function call(weir: Weir): Promise<number> {
  const got = await callWeir(weir.url, "/v1/models", {});
  await got.arrayBuffer();
  return got.status;
}

function countExchanges(path: string): unknown {
  using log = new Database(path, { readonly: true });
  return log.query("select count(*) as n from exchanges").get();
}

test("a corrupt exchanges.db doesn't keep the gateway from serving nor from recording, and is kept aside", async () => {
  await using upstream = openUpstream();
  const files = { "data/exchanges.db": "no database, but long enough to be read as one ".repeat(200) };
  await using weir = await startWeir({ env: { UPSTREAM_BASE_URL: upstream.url }, files });
  for (let time = 0; time < 3; time += 1) expect(await call(weir)).toBe(200);
  const books = await readBooks(weir.url, ({ received, pending }) => received === 3 && pending === 0);
  expect(books["store"]).toMatchObject({ delivered: 3, rejected: 0 });
  expect(countExchanges(join(weir.dataDir, "exchanges.db"))).toEqual({ n: 3 });
  expect(readdirSync(weir.dataDir).filter((name) => name.startsWith("exchanges.corrupt-"))).toHaveLength(1);
  expect(await weir.stop()).toBe(0);
  expect(weir.output()).toMatch(/exchanges\.db was corrupt \(file is not a database\): it was set aside as \S+\.db/);
}, 60_000);

test("beside the log of a newer version the gateway serves, says what to do, and records wait for it in the outbox", async () => {
  await using upstream = openUpstream();
  const folder = mkdtempSync(join(tmpdir(), "weir-newer-"));
  const path = join(folder, "exchanges.db");
  const change = (sql: string) => {
    using log = new Database(path);
    log.run(sql);
  };
  await (await openExchangeLog({ driver: "sqlite", path }, () => {})).close();
  change("insert into exchange_log_changes values ('9999-later!', '')");
  try {
    const env = { UPSTREAM_BASE_URL: upstream.url, DATA_DIR: folder };
    {
      await using weir = await startWeir({ env });
      for (let time = 0; time < 2; time += 1) expect(await call(weir)).toBe(200);
      expect((await fetch(`${weir.url}/ready`)).status).toBe(200);
      const books = await readBooks(weir.url, ({ name, status }) => name !== "store" || status === "failing");
      expect(books["store"]).toMatchObject({ received: 2, pending: 2, delivered: 0, rejected: 0, dropped: {} });
      const advice = "Start that version, or move exchanges.db away, and a new log is begun";
      expect(books["store"]?.reason).toContain(advice);
      expect(await weir.stop()).toBe(0);
      expect(weir.output()).toContain(advice);
    }
    expect(countExchanges(path)).toEqual({ n: 0 });
    // The version that made it would take them now; here the step goes instead.
    change("delete from exchange_log_changes where name = '9999-later!'");
    await using weir = await startWeir({ env });
    await readBooks(weir.url, ({ received, pending }) => received >= 2 && pending === 0);
    expect(countExchanges(path)).toEqual({ n: 2 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
