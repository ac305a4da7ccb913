import { expect, test } from "bun:test";
import { readConfig } from "../../config/read-config.ts";
import type { Group } from "./collect-samples.ts";
import { describeCalibration } from "./describe-calibration.ts";
import { sumUp } from "./sum-up.ts";

const estimation = {
  maxSampleBytes: 20_000,
  bytesPerToken: 4,
  charsPerToken: 4,
  providerCharsPerToken: { openai: 5, anthropic: 3, "my.own": 2.5 },
};

/** A group of exchanges, each with 10 LLM tokens, so many of `by` for each of them, and estimates so far off. */
function group(provider: string, model: string, perToken: number, quotients: readonly number[], by?: "bytes"): Group {
  const tokens = quotients.length * 10;
  return { provider, model, by: by ?? "characters", units: tokens * perToken, tokens, quotients };
}

const some = (count: number) => Array.from({ length: count }, (_, index) => (index + 1) / count);

const groups = [
  group("openai", "b", 4, some(100)),
  group("openai", "a", 2, some(20)),
  group("openai", "rare", 100, some(3)),
  group("deepseek", "a\nport: 1 # `x`", 3.456, some(20)),
  group("true", "m", 1e-9, some(20)),
  group("openai", "a", 3, some(20), "bytes"),
];

function describe(chosen: readonly Group[] = groups) {
  const calibration = sumUp({ groups: chosen }, estimation, 20);
  const leftOut = new Map([["cached", 1_200] as const, ["media", 3] as const]);
  const samples = { groups: chosen, leftOut, span: { first: 0, last: 86_400_000 }, cut: false };
  return {
    calibration,
    lines: describeCalibration({ calibration, samples, estimation, wanted: { most: 500 }, min: 20 }),
  };
}

test("ratios are those of sums, and median and p95 of what was estimated are real ones", () => {
  const { ratios, tooFew } = describe().calibration;
  expect(
    ratios.map(({ by, provider, model, exchanges, perToken, now }) => [by, provider, model, exchanges, perToken, now]),
  ).toEqual([
    ["characters", "deepseek", undefined, 20, 3.46, 4],
    ["characters", "deepseek", "a\nport: 1 # `x`", 20, 3.46, 4],
    ["characters", "openai", undefined, 120, 3.67, 5],
    ["characters", "openai", "a", 20, 2, 5],
    ["characters", "openai", "b", 100, 4, 5],
    ["characters", "true", undefined, 20, 0.01, 4],
    ["characters", "true", "m", 20, 0.01, 4],
    ["bytes", undefined, undefined, 20, 3, 4],
    ["bytes", "openai", "a", 20, 3, 4],
  ]);
  expect(ratios.find(({ model }) => model === "b")?.estimateOverActual).toEqual({ median: 0.5, p95: 0.95 });
  expect(tooFew).toEqual([{ provider: "openai", model: "rare", by: "characters", exchanges: 3 }]);
});

test("all that is printed is a weir.yaml that keeps the ratios which weren't measured", () => {
  const { lines } = describe();
  const result = readConfig({ files: { yaml: { path: "weir.yaml", text: lines.join("\n") } } });
  if (result.kind === "faults") throw new Error(result.faults.join("\n"));
  expect(result.warnings.filter((warning) => warning.includes("weir.yaml"))).toEqual([]);
  expect(result.config.limits.estimation).toEqual({
    ...estimation,
    bytesPerToken: 3,
    providerCharsPerToken: { openai: 3.67, anthropic: 3, "my.own": 2.5, deepseek: 3.46, true: 0.01 },
  });
  expect(lines).toContain("# openai    b                characters        100          4    5    0.50  0.95");
  expect(lines).toContain("# Left out: 1,200, answered from the cache");
  expect(lines).toContain("# Too few: openai rare, 3 exchanges by characters (--min 20)");
});

test("where only large bodies were measured, ratios of text stay out of it", () => {
  const { lines } = describe([group("openai", "a", 3, some(20), "bytes")]);
  expect(lines.filter((line) => !line.startsWith("#"))).toEqual(["limits:", "  estimation:", "    bytes_per_token: 3"]);
});
