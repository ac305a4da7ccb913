import { expect, test } from "bun:test";
import { keepFixed } from "./keep-fixed.ts";
import { readConfig } from "./read-config.ts";

function configOf(env: Readonly<Record<string, string>>) {
  const result = readConfig({ env });
  if (result.kind !== "ok") throw new Error(result.faults.join("\n"));
  return result.config;
}

test("records that wait in memory are not lost for another sink", () => {
  const before = configOf({ EVENT_BUS: "in-memory" });
  const { config, kept } = keepFixed(before, configOf({ EVENT_BUS: "in-memory", FILE_EVENT_LOG: "/tmp/x.jsonl" }));
  expect(config.telemetry).toEqual(before.telemetry);
  expect(kept).toEqual(["SINKS (EVENT_BUS=in-memory)"]);
  expect(keepFixed(before, before)).toEqual({ config: before, kept: [] });
});

test("what becomes of calls without Redis stays, though the limit of an old setting goes", () => {
  const old = { DISTRIBUTED_RATE_LIMIT_ENABLED: "true", DISTRIBUTED_RATE_LIMIT_FALLBACK: "false" };
  const before = configOf({ ...old, DISTRIBUTED_RATE_LIMIT_MAX: "5", REDIS_URL: "redis://h" });
  const { config } = keepFixed(before, configOf({ REDIS_URL: "redis://h" }));
  expect(config.limits).toMatchObject({ onFailure: "closed", rules: { base: { requestsPerMinute: 0 } } });
});
