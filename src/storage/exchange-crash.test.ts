import { expect } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { makeExchange, makeLogPlace } from "../../test/exchange-log.ts";
import { onEachDatabase } from "../../test/storage.ts";
import type { Exchange } from "../domain/exchange.ts";
import { readBody } from "./exchange-body.ts";

/** Appends what it is given in batches, over and over, as an outbox does that never hears of its success. */
const child = `
import { openExchangeWriter } from ${JSON.stringify(join(import.meta.dir, "exchange-writer.ts"))};
const { parts, exchanges } = await Bun.stdin.json();
const writer = await openExchangeWriter({ ...parts, now: Date.now, onTrouble: () => {} });
console.log("ready");
for (let at = 0; ; at = (at + 7) % exchanges.length) await writer.append(exchanges.slice(at, at + 10));
`;

onEachDatabase((it, _place, driver) => {
  it("after kill -9 at any moment and all delivered again, every exchange was counted once and is whole", async () => {
    await using place = await makeLogPlace(driver);
    const messages = Array.from({ length: 50 }, (_, at) => ({ role: "user", content: `turn ${at}` }));
    const exchanges: readonly Exchange[] = Array.from({ length: 400 }, (_, at) =>
      makeExchange({
        input: { messages: messages.slice(0, 1 + (at % 50)) },
        cost_nano_usd: String(at),
        usage: { source: "provider", input: at, total: at },
      }),
    );
    const script = join(place.folder, "child.ts");
    await Bun.write(script, child);
    const parts = { database: place.database, keepsRows: true, retentionMs: 0, maxBytes: 0, durable: false };
    for (const delay of fc.sample(fc.integer({ min: 0, max: 60 }), { numRuns: 5, seed: 1 })) {
      const process = Bun.spawn([globalThis.process.execPath, script], {
        stdin: new Blob([JSON.stringify({ parts, exchanges })]),
        stdout: "pipe",
        stderr: "inherit",
      });
      await process.stdout.getReader().read();
      await Bun.sleep(delay);
      process.kill("SIGKILL");
      await process.exited;
    }
    const writer = await place.openWriter();
    for (let at = 0; at < exchanges.length; at += 100) await writer.append(exchanges.slice(at, at + 100));

    const { db } = await place.read();
    const sum = exchanges.reduce((so, { usage }) => so + usage.total, 0);
    expect(await db.selectFrom("usage_sums").selectAll().execute()).toMatchObject([
      { requests: exchanges.length, input: sum, cost_nano_usd: sum },
    ]);
    expect(await db.selectFrom("exchanges").select("id").execute()).toHaveLength(exchanges.length);
    for (const { id, input } of exchanges.slice(0, 60)) expect(await readBody(db, id)).toEqual({ input });
    const nodes = await db.selectFrom("exchange_nodes").select("refs").execute();
    expect(nodes).toHaveLength(51);
    expect(nodes.reduce((so, { refs }) => so + refs, 0)).toBe(exchanges.length + 50);
  }, 30_000);
});
