import { expect, test } from "bun:test";
import type { MetricName } from "./metrics.ts";
import { judge } from "./targets.ts";
import type { Verdict } from "./targets.ts";

const judged = (figures: Readonly<Record<string, number>>, text: string): Verdict | undefined =>
  judge((caseName, variant, metric: MetricName) => figures[`${caseName} ${variant} ${metric}`]).find(
    (verdict) => verdict.text === text,
  );

test("a ratio at its target is met", () => {
  const figures = { "calls-32 telemetry callsPerSecond": 20, "calls-32 nginx callsPerSecond": 100 };
  expect(judged(figures, "requests/s with durable telemetry")).toMatchObject({ measured: 0.2, verdict: "met" });
});

test("what is too slow is missed, and falls short of the floor when it is much too slow", () => {
  const delay = (ms: number) =>
    judged({ "streams-500 telemetry chunkDelayP99Ms": ms }, "chunk delay of 500 streams, p99");
  expect(delay(11)).toMatchObject({ verdict: "missed", missesFloor: false });
  expect(delay(1000)).toMatchObject({ verdict: "missed", missesFloor: true });
});

test("a target without both of its figures is not measured, and misses no floor", () => {
  const figures = { "calls-32 telemetry callsPerSecond": 20 };
  expect(judged(figures, "requests/s with durable telemetry")).toMatchObject({
    verdict: "not measured",
    missesFloor: false,
  });
});
