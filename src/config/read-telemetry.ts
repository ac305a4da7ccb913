import { join } from "node:path";
import type { ControlConfig, TelemetryConfig } from "./config.ts";
import type { Lookup } from "./lookup.ts";
import { readSettings } from "./read-settings.ts";
import { readSinks } from "./read-sinks.ts";
import type { Registry } from "./registry.ts";
import type { Report } from "./report.ts";
import { telemetrySettings } from "./telemetry-settings.ts";

/** Reads what is recorded, and where it goes. */
export function readTelemetry(
  {
    lookup,
    registry,
    dataDir,
    database,
  }: {
    readonly lookup: Lookup;
    readonly registry: Registry;
    readonly dataDir: string;
    readonly database: ControlConfig["database"];
  },
  report: Report,
): TelemetryConfig {
  const values = readSettings(telemetrySettings, lookup, report);
  const { enabled, captureQueueCount, outboxBackend } = values;
  if (outboxBackend === "redis" || outboxBackend === "redis-streams") {
    const name = lookup.find(telemetrySettings.outboxBackend)?.name ?? telemetrySettings.outboxBackend.env;
    report.fault(`${name} must be sqlite or in-memory, not "${outboxBackend}": this build has no Redis backend`);
  }
  if (values.maxBodyBytes * 2 > values.captureQueueBytes) {
    report.warn(
      "CAPTURE_QUEUE_BYTES should be at least twice TELEMETRY_MAX_BODY_BYTES, or large exchanges are recorded without bodies",
    );
  }
  return {
    enabled,
    maxBodyBytes: values.maxBodyBytes,
    captureQueueBytes: values.captureQueueBytes,
    ...(captureQueueCount ? { captureQueueCount } : {}),
    durability: values.durability,
    strictTimeoutMs: values.strictTimeoutMs,
    refusalsPerMinute: values.refusalsPerMinute,
    outbox: {
      backend: outboxBackend === "in-memory" ? "memory" : "sqlite",
      flushMs: values.outboxFlushMs,
      maxBytes: values.outboxMaxBytes,
      maxAgeMs: values.outboxMaxAgeMs,
      fsync: values.outboxFsync,
    },
    sinks: readSinks({ definitions: registry.sinks, lookup, dataDir, telemetry: values }, report),
    exchangeLog: {
      // A file of its own: nothing that is managed waits for it.
      database: database.driver === "sqlite" ? { driver: "sqlite", path: join(dataDir, "exchanges.db") } : database,
      keepsRows: values.exchangeLog !== "off",
      durable: values.outboxFsync === "batch",
    },
  };
}
