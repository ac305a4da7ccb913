import { expect, test } from "bun:test";
import { keepFixed } from "./keep-fixed.ts";
import { readConfig } from "./read-config.ts";

function configOf(env: Readonly<Record<string, string>>) {
  const result = readConfig({ flags: {}, env, files: {}, defaults: {}, terminal: false, processors: 1 });
  if (result.kind !== "ok") throw new Error(result.faults.join("\n"));
  return result.config;
}

test("what a process is bound to stays and is named, the rest changes", () => {
  const before = configOf({});
  const { config, kept } = keepFixed(
    before,
    configOf({
      PORT: "4000",
      DURABILITY: "strict",
      LOG_LEVEL: "warn",
      UPSTREAM_API_KEY: "sk-1",
      FLUSH_TIMEOUT_MS: "1s",
    }),
  );
  expect(kept).toEqual(["PORT", "DURABILITY"]);
  expect(config).toMatchObject({ port: before.port, log: { level: "warn" }, lifecycle: { flushTimeoutMs: 1000 } });
  expect(config.telemetry.durability).toBe("batched");
  expect(config.gateway.providers.find(({ name }) => name === "openai")?.key).toBe("sk-1");
});

test("records that wait in memory are not lost for another sink", () => {
  const before = configOf({ EVENT_BUS: "in-memory" });
  const { config, kept } = keepFixed(before, configOf({ EVENT_BUS: "in-memory", FILE_EVENT_LOG: "/tmp/x.jsonl" }));
  expect(config.telemetry).toEqual(before.telemetry);
  expect(kept).toEqual(["SINKS (EVENT_BUS=in-memory)"]);
  expect(keepFixed(before, before)).toEqual({ config: before, kept: [] });
});
