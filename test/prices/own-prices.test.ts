import { expect, test } from "bun:test";
import { openUpstream } from "../cli/program.ts";
import { startWeir } from "../weir.ts";

test("a record is priced by the operator's own prices and aliases, or is unpriced, and both are counted", async () => {
  using upstream = openUpstream();
  await using weir = await startWeir({
    env: { UPSTREAM_BASE_URL: upstream.url, UPSTREAM_API_KEY: "k" },
    files: {
      "weir.yaml": `
providers: { house: { base_url: "${upstream.url}", dialect: openai, key: k } }
prices:
  models:
    gpt-4o-mini: { provider: house, input: 1, output: 2, cache_read: 0.5, from: 2026-01-01 }
`,
    },
  });
  const ask = async (path: string, user: string) => {
    const body = JSON.stringify({ model: "gpt-4o-mini", messages: [], user });
    await (await fetch(`${weir.url}${path}`, { method: "POST", body })).text();
    return weir.waitForRecord(({ attribution }) => attribution.user === user);
  };
  // The upstream counts 200 of plain input, 1000 of cached input and 30 of output.
  const own = await ask("/house/v1/chat/completions", "a");
  expect(own.cost_nano_usd).toBe("760000");
  expect(own.cost).toMatchObject({ source: "config", model: "gpt-4o-mini" });
  expect(own.cost?.version).toMatch(/^2026-01-01\+[0-9a-f]{8}$/);
  const listed = await ask("/v1/chat/completions", "b");
  // 200 × 0.15 + 1000 × 0.075 + 30 × 0.6 micro-dollars
  expect(listed.cost_nano_usd).toBe("123000");
  expect(listed.cost).toMatchObject({ source: "genai-prices", version: "0.1.8", model: "gpt-4o-mini" });
  const metrics = await (await fetch(`${weir.url}/metrics`)).text();
  expect(metrics).toContain('weir_cost_usd_total{provider="house",model="gpt-4o-mini",project=""} 0.00076');
  expect(metrics).toContain('weir_cost_usd_total{provider="openai",model="gpt-4o-mini",project=""} 0.000123');
}, 30_000);

test("what nobody has a price for is unpriced and counted by its model", async () => {
  using upstream = openUpstream();
  await using weir = await startWeir({
    files: {
      "weir.yaml": `
providers: { house: { base_url: "${upstream.url}", dialect: openai, key: k } }
prices: { models: { "gpt-4o-mini": { provider: house, output: 2 } } }
`,
    },
  });
  await (await fetch(`${weir.url}/house/v1/chat/completions`, { method: "POST", body: '{"model":"x"}' })).text();
  expect(await weir.waitForRecord(() => true)).toMatchObject({ unpriced: true });
  const metrics = await (await fetch(`${weir.url}/metrics`)).text();
  expect(metrics).toContain('weir_unpriced_total{provider="house",model="gpt-4o-mini"} 1');
  expect(metrics).not.toContain("weir_cost_usd_total{");
}, 30_000);
