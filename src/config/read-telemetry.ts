import type { TelemetryConfig } from "./config.ts";
import type { Lookup } from "./lookup.ts";
import { readSettings } from "./read-settings.ts";
import { readSinks } from "./read-sinks.ts";
import type { Registry } from "./registry.ts";
import type { Report } from "./report.ts";
import { telemetrySettings } from "./telemetry-settings.ts";

/** Reads what is recorded, and where it goes. */
export function readTelemetry(
  { lookup, registry, dataDir }: { lookup: Lookup; registry: Registry; dataDir: string },
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
  };
}
