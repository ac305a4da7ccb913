import type { CacheConfig, Config } from "./config.ts";

/** A configuration that can be changed to while running, and the names of the settings in which it is still the former one. */
export type Changeable = { readonly config: Config; readonly kept: readonly string[] };

/** What holds until the end of a process: addresses, files, threads, and bounds of what is open already. */
const fixed: Readonly<Record<string, (config: Config) => unknown>> = {
  HOST: ({ host }) => host,
  PORT: ({ port }) => port,
  DATA_DIR: ({ dataDir }) => dataDir,
  WEIR_WORKERS: ({ lifecycle }) => lifecycle.workers,
  MAX_WS_MESSAGE_BYTES: ({ gateway }) => gateway.maxWsMessageBytes,
  TELEMETRY: ({ telemetry }) => telemetry.enabled,
  CAPTURE_QUEUE_BYTES: ({ telemetry }) => [telemetry.captureQueueBytes, telemetry.captureQueueCount],
  DURABILITY: ({ telemetry }) => [telemetry.durability, telemetry.strictTimeoutMs],
  OUTBOX_FLUSH_MS: ({ telemetry }) => telemetry.outbox.flushMs,
  EVENT_BUS: ({ telemetry }) => telemetry.outbox.backend,
  LOG_FILE: ({ log }) => [log.file, log.maxFileBytes, log.maxFiles],
  LOG_FORMAT: ({ log }) => log.format,
  "DATABASE_*": ({ control }) => control.database,
  ENCRYPTION_KEY: ({ control }) => control.encryptionKeys.map((key) => Buffer.from(key).toString("base64")),
  "AUDIT_*": ({ control }) => control.audit,
  MANAGEMENT_LISTEN_ADDR: ({ control }) => control.listen,
  TOKEN_CLEANUP_INTERVAL: ({ control }) => control.tokenCleanupMs,
  LIMITS_BACKEND: ({ limits }) => limits.backend,
  LIMITS_ON_FAILURE: ({ limits }) => limits.onFailure,
  "REDIS_*": ({ redis }) => redis,
  BUDGETS_ON_FAILURE: ({ budgets }) => budgets.onFailure,
  "BUDGET_WEBHOOK_*": ({ budgets }) => budgets.webhook,
  HTTP_CACHE_ENABLED: ({ cache }) => cache.enabled,
  HTTP_CACHE_BACKEND: ({ cache }) => [cache.redis, cache.maxBytes],
  MANAGEMENT_TOKEN: ({ gateway }) => gateway.managementToken,
};

/** Takes over from `after` what can change while a process runs. */
export function keepFixed(before: Config, after: Config): Changeable {
  const isSame = (read: (config: Config) => unknown) => JSON.stringify(read(before)) === JSON.stringify(read(after));
  const { telemetry } = before;
  const { managementToken } = before.gateway;
  const { managementToken: _, ...gateway } = after.gateway;
  // A queue that ends with its worker would lose what waits in it.
  const bound =
    telemetry.outbox.backend === "memory" && !isSame((config) => [config.telemetry, config.log, config.prices.own]);
  const names = Object.entries(fixed).filter(([, read]) => !isSame(read));
  const config: Config = {
    ...after,
    host: before.host,
    port: before.port,
    dataDir: before.dataDir,
    gateway: {
      ...gateway,
      maxWsMessageBytes: before.gateway.maxWsMessageBytes,
      ...(managementToken === undefined ? {} : { managementToken }),
    },
    telemetry: bound
      ? telemetry
      : {
          ...after.telemetry,
          enabled: telemetry.enabled,
          captureQueueBytes: telemetry.captureQueueBytes,
          durability: telemetry.durability,
          strictTimeoutMs: telemetry.strictTimeoutMs,
          outbox: {
            ...after.telemetry.outbox,
            backend: telemetry.outbox.backend,
            flushMs: telemetry.outbox.flushMs,
          },
          exchangeLog: { ...after.telemetry.exchangeLog, database: telemetry.exchangeLog.database },
        },
    log: bound ? before.log : { ...before.log, level: after.log.level },
    lifecycle: { ...after.lifecycle, workers: before.lifecycle.workers },
    control: before.control,
    limits: { ...after.limits, backend: before.limits.backend, onFailure: before.limits.onFailure },
    redis: before.redis,
    budgets: { ...before.budgets, users: after.budgets.users },
    cache: keepStore(before.cache, after.cache),
    prices: { ...after.prices, file: before.prices.file, own: bound ? before.prices.own : after.prices.own },
  };
  return { config, kept: [...names.map(([name]) => name), ...(bound ? ["SINKS (EVENT_BUS=in-memory)"] : [])] };
}

/** Where answers are kept is open already; what is kept may change. */
function keepStore(before: CacheConfig, after: CacheConfig): CacheConfig {
  const { redis: _, ...others } = after;
  const { enabled, maxBytes, redis } = before;
  return { ...others, enabled, maxBytes, ...(redis && { redis }) };
}
