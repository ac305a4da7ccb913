import { expect, test } from "bun:test";
import { sumUsage } from "../domain/usage.ts";
import type { Exchange } from "../domain/exchange.ts";
import { toRecord } from "./to-record.ts";

function exchange(different: Partial<Exchange>): Exchange {
  return {
    schema: 1,
    id: "exchange-1",
    trace_id: "a".repeat(32),
    span_id: "b".repeat(16),
    kind: "generation",
    transport: "http",
    method: "POST",
    path: "/v1/chat/completions",
    streaming: false,
    outcome: "answered",
    started_at: "2026-11-20T10:00:00.000Z",
    ended_at: "2026-11-20T10:00:01.000Z",
    overhead_ms: 0.1,
    duration_ms: 1000,
    request: { bytes: 1 },
    response: { bytes: 1 },
    usage: sumUsage({}, { source: "none" }),
    attribution: {},
    ...different,
  };
}

test("a record is the exchange as a line", () => {
  const whole = exchange({ input: { messages: ["Hi\nyou"] } });
  const { id, json, refusal } = toRecord(whole);
  expect({ id, refusal }).toEqual({ id: "exchange-1", refusal: false });
  expect(json).not.toContain("\n");
  expect(JSON.parse(json)).toEqual(whole);
});

test("a refusal is told apart, since it is given up first", () => {
  expect(toRecord(exchange({ outcome: "refused" })).refusal).toBe(true);
});

test.each(["[", '{"a":'])(
  "what is nested a hundred thousand times (%s) is left out, and the rest is there",
  (opening) => {
    const depth = 100_000;
    const deep: unknown = JSON.parse(`${opening.repeat(depth)}1${(opening === "[" ? "]" : "}").repeat(depth)}`);
    const { json } = toRecord(exchange({ input: { messages: ["Hi"], deep } }));
    expect(json.length).toBeLessThan(5_000);
    expect(JSON.parse(json)).toMatchObject({ id: "exchange-1", input: { messages: ["Hi"] } });
    expect(json).toContain("nested too deeply");
  },
);
