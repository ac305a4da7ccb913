import { expect, test } from "bun:test";
import { makeExchange } from "../../test/exchange-log.ts";
import type { Exchange } from "../domain/exchange.ts";
import { sumUsage } from "../domain/usage.ts";
import { createPriceBook } from "./price-book.ts";
import { type FindOutput, repriceExchange } from "./reprice-exchange.ts";

const prices = createPriceBook({
  own: {
    models: {
      house: [
        { input: "1", output: "2" },
        { input: "3", output: "4", from: "2026-04-01" },
      ],
    },
    aliases: {},
  },
});
const usage = sumUsage({ input: 1000, output: 10 }, { source: "provider" });
const estimated = sumUsage({ input: 1000, output: 10 }, { source: "estimated" });
const forgotten: FindOutput = () => Promise.resolve(undefined);

async function reprice(different: Partial<Exchange>, findOutput = forgotten) {
  const repriced = await repriceExchange(prices, makeExchange({ model: "house", usage, ...different }), findOutput);
  return repriced.kind === "left" ? repriced.reason : (repriced.cost.cost_nano_usd ?? repriced.cost);
}

test("an exchange costs what held when it came in, whatever it cost so far", async () => {
  expect(await reprice({ unpriced: true })).toBe("1020000");
  expect(await reprice({ cost_nano_usd: "5" })).toBe("1020000");
  expect(await reprice({ started_at: "2026-04-01T00:00:00.000Z" })).toBe("3040000");
  expect(await reprice({ model: "unknown", cost_nano_usd: "5" })).toEqual({ unpriced: true });
  expect(await reprice({ kind: "other" })).toEqual({});
});

test("what was kept, and what a provider has stated, is left alone", async () => {
  expect(await reprice({ cache: "hit", cost_nano_usd: "0", saved_nano_usd: "7" })).toBe("cache_hit");
  const stated = { lines: [], source: "provider" };
  expect(await reprice({ cost: stated, cost_nano_usd: "7" })).toBe("stated_by_provider");
  expect(await reprice({ usage: { ...usage, stated_cost_usd: 0.5 }, unpriced: true })).toBe("500000000");
});

test("estimated usage is priced where its answer was text alone; where nobody kept that, what has no price stays so", async () => {
  const text: FindOutput = async () => ({ output: { kind: "text", text: "hi" } });
  const sound: FindOutput = async () => ({
    output: { kind: "choices", choices: [{ index: 0, media: [{ type: "audio/wav" }] }] },
  });
  expect(await reprice({ usage: estimated, unpriced: true }, text)).toBe("1020000");
  expect(await reprice({ usage: estimated, unpriced: true }, async () => ({}))).toBe("1020000");
  expect(await reprice({ usage: estimated, unpriced: true }, sound)).toEqual({ unpriced: true });
  expect(await reprice({ usage: estimated, unpriced: true })).toBe("media_unknown");
  expect(await reprice({ usage: estimated, unpriced: true, model: "unknown" })).toEqual({ unpriced: true });
  expect(await reprice({ usage: estimated, cost_nano_usd: "5" })).toBe("1020000");
});
