import { count, duration, flag, list, oneOf, size, withDefault } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

const yearMs = 31_536_000_000;

/** What is recorded, how it waits for its sinks, and which of them run. */
export const telemetrySettings = {
  enabled: {
    env: "TELEMETRY",
    yaml: "telemetry.enabled",
    ...withDefault(flag(), "on"),
    help: "Whether exchanges are recorded at all; `off` opens no outbox.",
  },
  maxBodyBytes: {
    env: "TELEMETRY_MAX_BODY_BYTES",
    yaml: "telemetry.max_body_bytes",
    ...withDefault(size(), "1MB"),
    help: "How much of a request and of an answer is kept for the record; of a larger one the first and the last part. 0 keeps nothing.",
  },
  captureQueueBytes: {
    env: "CAPTURE_QUEUE_BYTES",
    yaml: "telemetry.capture_queue_bytes",
    ...withDefault(size({ min: 65_536 }), "64MB"),
    help: "How many bytes may wait to be recorded; beyond it bodies are left out first, then records, each counted.",
  },
  captureQueueCount: {
    env: "OBSERVABILITY_BUFFER_SIZE",
    yaml: "telemetry.capture_queue_count",
    schema: count().optional(),
    help: "How many exchanges may wait to be recorded. Unset or 0, only `CAPTURE_QUEUE_BYTES` counts.",
  },
  durability: {
    env: "DURABILITY",
    yaml: "telemetry.durability",
    ...withDefault(oneOf(["batched", "strict"]), "batched"),
    help: "`batched` may lose the last 50 ms when the process is killed; `strict` holds back the end of each answer until its record is written.",
  },
  strictTimeoutMs: {
    env: "STRICT_TIMEOUT_MS",
    yaml: "telemetry.strict_timeout_ms",
    ...withDefault(duration({ min: 1 }), "1000"),
    help: "How long `DURABILITY=strict` waits for a record before it breaks the connection instead.",
  },
  refusalsPerMinute: {
    env: "REFUSALS_PER_MINUTE",
    yaml: "telemetry.refusals_per_minute",
    ...withDefault(count(), "600"),
    help: "How many refusals of callers without a credential are recorded one by one; the rest of a minute is counted in one record.",
  },
  outboxBackend: {
    env: "EVENT_BUS",
    aliases: ["LLM_PROXY_EVENT_BUS"],
    yaml: "outbox.backend",
    ...withDefault(oneOf(["sqlite", "in-memory", "redis-streams", "redis"]), "sqlite"),
    help: "Where records wait for their sinks: `sqlite` keeps them in `DATA_DIR`, `in-memory` in a temporary file. `redis-streams` and `redis` are refused, because this build has no such backend.",
  },
  outboxFlushMs: {
    env: "OUTBOX_FLUSH_MS",
    yaml: "outbox.flush_ms",
    ...withDefault(duration(), "20"),
    help: "How long a record may wait to be written together with others.",
  },
  outboxMaxBytes: {
    env: "OUTBOX_MAX_BYTES",
    yaml: "outbox.max_bytes",
    ...withDefault(size({ min: 65_536 }), "2GB"),
    help: "How large the outbox may grow while sinks are away.",
  },
  outboxMaxAgeMs: {
    env: "OUTBOX_MAX_AGE",
    yaml: "outbox.max_age",
    ...withDefault(duration({ min: 1000, max: 100 * yearMs }), "7d"),
    help: "How long a record may wait for a sink.",
  },
  outboxFsync: {
    env: "OUTBOX_FSYNC",
    yaml: "outbox.fsync",
    ...withDefault(oneOf(["off", "batch"]), "off"),
    help: "Whether each batch is synced to the disk, so that it survives a crash of the machine too.",
  },
  sinks: {
    env: "SINKS",
    yaml: "telemetry.sinks",
    schema: list().optional(),
    help: "The sinks that this process delivers to. Unset, all that are configured.",
  },
  exchangeLog: {
    env: "EXCHANGE_LOG",
    yaml: "telemetry.exchange_log",
    schema: oneOf(["full", "metadata", "off"]).optional(),
    help: "How much the exchange log keeps: `full` (unset too) is all, `metadata` leaves out what the model was given and answered, `off` keeps sums of usage alone. Where no other sink is configured, `<DATA_DIR>/exchanges.jsonl` gets as much, and with `off` isn't written.",
  },
} satisfies Settings;
