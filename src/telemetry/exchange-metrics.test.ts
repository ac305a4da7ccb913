import { expect, test } from "bun:test";
import { Registry } from "@prometheus-io/client";
import { exampleExchange } from "../../test/fakes/exchanges.ts";
import type { Exchange } from "../domain/exchange.ts";
import { createExchangeMetrics } from "./exchange-metrics.ts";

const usageOf = (input: number, output: number) =>
  ({ source: "provider", input, output, total: input + output }) as const;
const exchanges: readonly Exchange[] = [
  { provider: "openai", model: "gpt-4o", usage: usageOf(10, 2), cost_nano_usd: "1500000000" },
  { provider: "openai", model: "gpt-4o", usage: usageOf(5, 0), cost_nano_usd: "250000000" },
  { provider: "openai", model: "gpt-4o", usage: usageOf(1, 1), project_id: "p" },
  { provider: "openai", model: "gpt-4o", usage: usageOf(7, 7), kind: "other" as const },
  { provider: "openai", model: "gpt-4o", usage: usageOf(0, 0), status: 500, outcome: "failed" as const },
  { provider: "gemini", model: "none-such", usage: usageOf(3, 4), unpriced: true as const },
  { provider: "gemini", outcome: "refused" as const, usage: usageOf(0, 0), count: 12 },
].map((different) => {
  const { cost_nano_usd: _, model: __, ...plain } = exampleExchange({ status: 200, kind: "generation" });
  return { ...plain, request: { bytes: 100 }, response: { bytes: 1000 }, ...different };
});

/** The lines of counters that aren't nothing. */
async function readCounters(batches: readonly (readonly Exchange[])[]): Promise<readonly string[]> {
  const registry = new Registry();
  const metrics = createExchangeMetrics(registry);
  for (const batch of batches) metrics.observe(batch);
  const text = await registry.metrics();
  return text
    .split("\n")
    .filter((line) => /^weir_\w+_(?:total|count)\b/.test(line))
    .toSorted();
}

test("exchanges are counted by their labels, however they come together", async () => {
  const together = await readCounters([exchanges]);
  expect(together).toEqual(await readCounters(exchanges.map((exchange) => [exchange])));
  for (const line of [
    'weir_requests_total{provider="openai",model="gpt-4o",project="",status="200",outcome="answered"} 3',
    'weir_requests_total{provider="openai",model="gpt-4o",project="p",status="200",outcome="answered"} 1',
    'weir_requests_total{provider="openai",model="gpt-4o",project="",status="500",outcome="failed"} 1',
    'weir_requests_total{provider="gemini",model="",project="",status="200",outcome="refused"} 12',
    'weir_usage_total{provider="openai",model="gpt-4o",project="",bucket="input"} 15',
    'weir_usage_total{provider="openai",model="gpt-4o",project="p",bucket="output"} 1',
    'weir_cost_usd_total{provider="openai",model="gpt-4o",project=""} 1.75',
    'weir_unpriced_total{provider="gemini",model="none-such"} 1',
    'weir_bytes_total{provider="openai",direction="down"} 5000',
    'weir_duration_seconds_count{provider="gemini"} 2',
  ])
    expect(together).toContain(line);
});

test("only what an upstream has answered makes a model one of those that are told apart", async () => {
  const of = (model: string, more: Partial<Exchange>) =>
    exampleExchange({ provider: "openai", model, usage: usageOf(0, 0), ...more });
  const invented = Array.from({ length: 260 }, (_, at) =>
    of(`junk-${at}`, { status: 401, outcome: "refused", usage: { source: "none", total: 0 } }),
  );
  const told = await readCounters([
    [...invented, of("gpt-4o", { status: 200 }), of("gpt-4o", { status: 429, outcome: "refused" })],
  ]);
  for (const line of [
    'weir_requests_total{provider="openai",model="other",project="",status="401",outcome="refused"} 260',
    'weir_requests_total{provider="openai",model="gpt-4o",project="",status="200",outcome="answered"} 1',
    'weir_requests_total{provider="openai",model="gpt-4o",project="",status="429",outcome="refused"} 1',
  ])
    expect(told).toContain(line);
});
