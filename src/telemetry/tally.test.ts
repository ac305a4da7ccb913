import { expect, test } from "bun:test";
import type { Exchange } from "../domain/exchange.ts";
import { createTally } from "./tally.ts";

function exchange(changes: Partial<Exchange>): Exchange {
  const time = "2026-01-01T00:00:00.000Z";
  return {
    schema: 1,
    id: "1",
    trace_id: "t",
    span_id: "s",
    kind: "generation",
    transport: "http",
    provider: "openai",
    method: "POST",
    path: "/v1/x",
    streaming: false,
    status: 200,
    outcome: "answered",
    started_at: time,
    ended_at: time,
    overhead_ms: 1,
    duration_ms: 10,
    model: "m",
    request: { bytes: 1 },
    response: { bytes: 1 },
    attribution: {},
    usage: { source: "provider", total: 3, input: 1, output: 2 },
    ...changes,
  };
}

test("exchanges are added up by model: usage by bucket, money to the nano-dollar, the slowest, what has no price", () => {
  const tally = createTally();
  tally.add(exchange({ cost_nano_usd: "9007199254740993" }));
  tally.add(exchange({ cost_nano_usd: "1", duration_ms: 30, id: "slow" }));
  tally.add(exchange({ model: "n", unpriced: true, usage: { source: "estimated", total: 5, output: 5 } }));
  const { models, ...sums } = tally.read();
  expect(sums).toMatchObject({ calls: 3, errors: 0, costNanoUsd: "9007199254740994", unpriced: 1, failures: [] });
  expect(sums.slowest).toEqual({ id: "slow", model: "m", path: "/v1/x", durationMs: 30 });
  expect(models).toMatchObject([
    { model: "m", calls: 2, usage: { input: 2, output: 4 }, estimated: 0, slowestMs: 30 },
    { model: "n", calls: 1, usage: { output: 5 }, estimated: 1, unpriced: 1 },
  ]);
});

test("an error of an upstream counts, a consumer that left doesn't, and a record of many counts as many", () => {
  const tally = createTally();
  tally.add(exchange({ status: 429, error: { message: "slow down", code: "rate_limit" } }));
  tally.add(exchange({ outcome: "refused", status: 401, cause: "invalid_api_key", count: 5 }));
  tally.add(exchange({ outcome: "aborted", status: undefined, cause: "client_closed" }));
  expect(tally.read()).toMatchObject({ calls: 7, errors: 6 });
  expect(tally.read().failures).toEqual([
    { type: "invalid_api_key", count: 5 },
    { type: "rate_limit", count: 1 },
  ]);
});

test("models and kinds of errors beyond a bound are counted together", () => {
  const tally = createTally();
  for (let at = 0; at < 1000; at += 1) tally.add(exchange({ model: `m${at}`, outcome: "failed", cause: `c${at}` }));
  const { models, failures, calls } = tally.read();
  expect([models.length, failures.length, calls]).toEqual([101, 21, 1000]);
  expect(models[0]).toMatchObject({ model: "others", calls: 900 });
});
