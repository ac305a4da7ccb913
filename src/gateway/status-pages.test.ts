import { expect, test } from "bun:test";
import { readConfig } from "../config/read-config.ts";
import type { OutboxStatus } from "../outbox/status.ts";
import { createCors } from "./cors.ts";
import { createStatusPages } from "./status-pages.ts";

const healthy: OutboxStatus = { outbox: { bytes: 0, records: 0, bodiesShed: 0 }, sinks: [] };

/** What `/health` says with telemetry on or off, and with what the worker answers. */
async function readHealth(telemetry: "on" | "off", answer: OutboxStatus | undefined): Promise<unknown> {
  const read = readConfig({
    flags: {},
    env: { TELEMETRY: telemetry },
    files: {},
    defaults: {},
    terminal: false,
    processors: 1,
  });
  if (read.kind !== "ok") throw new Error(read.faults.join("\n"));
  const pages = createStatusPages({
    config: read.config,
    version: "1.2.3",
    health: { check: () => Promise.resolve("ok") },
    telemetry: {
      status: () => Promise.resolve(answer),
      metricsText: () => Promise.resolve(""),
      metricsJson: () => Promise.resolve([]),
    },
    cors: createCors([]),
    draining: () => false,
    isReady: () => true,
    databaseState: () => Promise.resolve("ok"),
    limitsRedis: () => undefined,
    cacheRedis: () => undefined,
  });
  return (await pages["/health"]?.(new Request("http://127.0.0.1/health"), () => "127.0.0.1"))?.json();
}

test("telemetry that doesn't answer is said, and is no good health", async () => {
  expect(await readHealth("on", undefined)).toMatchObject({ status: "degraded", telemetry: { status: "no_answer" } });
  expect(await readHealth("on", healthy)).toMatchObject({
    status: "ok",
    telemetry: { outbox: { records: 0 }, sinks: [] },
  });
});

test("telemetry that is switched off is not missed", async () => {
  const health = await readHealth("off", undefined);
  expect(health).toMatchObject({ status: "ok", features: { telemetry: false } });
  expect(health).not.toHaveProperty("telemetry");
});
