import { createMemoryCache } from "./cache/memory-cache.ts";
import { createRedisCache } from "./cache/redis-cache.ts";
import type { Config, RedisConfig } from "./config/config.ts";
import type { ConfigLine } from "./config/describe-config.ts";
import { keepFixed } from "./config/keep-fixed.ts";
import { openControl } from "./control.ts";
import type { Hand } from "./domain/capture.ts";
import type { Arrival, Clock } from "./gateway/arrival.ts";
import { createCacheCounts } from "./gateway/caching-counts.ts";
import { createDataPlane, type DataPlaneParts } from "./gateway/data-plane.ts";
import { describeProviders } from "./gateway/describe-providers.ts";
import { createUpstreamHealth } from "./gateway/health.ts";
import { createOwnPaths } from "./gateway/own-paths.ts";
import { createReachability } from "./gateway/reachability.ts";
import { openOwnServer } from "./gateway/own-server.ts";
import { openServer } from "./gateway/server.ts";
import { createSettling } from "./gateway/settling.ts";
import { createStatusPages } from "./gateway/status-pages.ts";
import { createUnderWay } from "./gateway/under-way.ts";
import { createClientAddress } from "./lib/client-address.ts";
import type { Log } from "./lib/log.ts";
import { createRedisConnection, type RedisConnection } from "./lib/redis-connection.ts";
import { createTroubleLog, type TroubleLog } from "./lib/trouble-log.ts";
import { createLimitRefusals } from "./limits/limit-refusals.ts";
import { openLimiter } from "./limits/open-limiter.ts";
import { createUserBudgets } from "./limits/user-budgets.ts";
import { createOutputAverages } from "./limits/output-averages.ts";
import { createLazyManagement } from "./management/lazy-management.ts";
import { findPriceFileChange } from "./prices/price-file.ts";
import { openExchangeDesk } from "./telemetry/exchange-desk.ts";
import { createLazyUsage } from "./telemetry/lazy-usage.ts";
import { createLive } from "./telemetry/live.ts";
import { createProcessMetrics } from "./telemetry/process-metrics.ts";
import type { WorkerSettings } from "./telemetry/protocol.ts";
import { openTelemetry, type Telemetry } from "./telemetry/telemetry.ts";

/** A running Weir. */
export type App = {
  readonly url: string;
  readonly port: number;
  /** Where the management is answered. */
  readonly managementUrl: string;
  readonly telemetry: Telemetry | undefined;
  /**
   * Goes on under another configuration, and touches nothing that is under way. Gives the settings that hold from the next
   * start on only, `held` among them, which it was read without; throws where the new sinks can't be opened, and everything
   * stays as it was.
   */
  readonly change: (next: Config, held?: readonly string[]) => Promise<readonly string[]>;
  /**
   * Lets what is under way end, within the operator's deadlines, hands everything over, and closes; how many records
   * wait for the next start. `beforeClosing` is run when the last exchange has ended and telemetry still answers.
   */
  readonly drain: (beforeClosing?: () => Promise<void>) => Promise<number>;
};

/** What an app is made of beside its configuration. */
export type AppParts = {
  readonly config: Config;
  readonly log: Log;
  readonly version: string;
  readonly createWorker: () => Worker;
  /** Starts the thread that reads the exchange log. */
  readonly createDeskWorker: () => Worker;
  /** What opens the management. */
  readonly managementToken: string;
  /** The configuration that holds now, line by line, without secrets. */
  readonly describeConfig: () => readonly ConfigLine[];
  readonly fetch?: typeof fetch;
  /** Upstream requests go through a proxy of the environment's. */
  readonly viaProxy?: boolean;
  readonly clock?: Clock;
};

const realClock: Clock = { now: Date.now, elapsed: () => performance.now() };

/** Puts the parts together and listens; throws what the operator has to mend. */
export async function openApp({
  config: first,
  log,
  version,
  createWorker,
  createDeskWorker,
  managementToken,
  describeConfig,
  fetch = globalThis.fetch,
  viaProxy = false,
  clock = realClock,
}: AppParts): Promise<App> {
  let config = first;
  let draining = false;
  let findClientAddress = createClientAddress(config.trustedProxies);
  let findUserBudgets = createUserBudgets(config.budgets.users);
  const live = createLive({ onWatched: (watched) => telemetry?.watch(watched) });
  const settling = createSettling(clock.elapsed);
  const openReader = async () =>
    openTelemetry({
      settings: await workerSettings(config, version),
      createWorker,
      onEnded: (exchanges) => live.ended(exchanges),
      onSettled: settling.settle,
      onTrouble: (about, phrase) => log.error(about, phrase),
    });
  const telemetry = config.telemetry.enabled ? await openReader() : undefined;
  const trouble = createTroubleLog(log, clock.elapsed);
  const usage = createLazyUsage(openReader, (error) => trouble(error, "what calls took could not be read"));
  const control = await openControl({
    config: config.control,
    budgets: config.budgets,
    userBudgets: (user) => findUserBudgets(user),
    fetch,
    clock,
    trouble,
    log,
  });
  const hand: Hand = telemetry?.hand ?? usage.hand;
  const reachability = createReachability(clock.elapsed);
  const underWay = createUnderWay({
    elapsed: clock.elapsed,
    connection: { hold: (request) => server.hold(request), rest: (request) => server.rest(request) },
  });
  const redis = config.limits.backend === "redis" && config.redis ? openRedis(config.redis) : undefined;
  const limiter = await openLimiter({
    ...clock,
    connection: redis,
    onFailure: config.limits.onFailure,
    onChange: (state, err) =>
      state === "up"
        ? log.info("Redis counts the rate limits")
        : log.error(
            { err, on_failure: config.limits.onFailure },
            "Redis does not answer, which counts the rate limits",
          ),
  });
  const limitRefusals = createLimitRefusals();
  const cache = config.cache.enabled ? openCache(config.cache, trouble) : undefined;
  const parts: DataPlaneParts = {
    fetch,
    viaProxy,
    clock,
    hand,
    underWay,
    reachability,
    relays: new Set(),
    tokens: control.tokens,
    cache,
    managementToken,
    budgets: control.budgets,
    hasUserBudgets: () => Object.keys(config.budgets.users).length > 0,
    limiter,
    onLimited: limitRefusals.count,
    averages: createOutputAverages(),
    settling,
    addressOf,
    onPriceFault: (error) => trouble(error, "the fetched price data can't be read, and the bundled data holds"),
    onDenied: (arrival, refusal) => control.deny(arrival, refusal, addressOf(arrival)),
    breakOff: (request) => server.breakOff(request),
    isWatched: live.isWatched,
    onBegin(beginning) {
      log.debug(beginning, "exchange began");
      if (live.isWatched()) live.started({ ...beginning, startedAt: clock.now() });
    },
    onFault: (err, exchange_id) => log.error({ err, exchange_id }, "a request failed inside the gateway"),
  };
  const health = createUpstreamHealth({
    fetch,
    elapsed: clock.elapsed,
    reachability,
    hasProjectKey: async (name) =>
      (await control
        .findStore()
        ?.projects.hasKeyFor(name)
        .catch(() => false)) ?? false,
  });
  const processMetrics = createProcessMetrics({
    inFlight: underWay.count,
    queue: () => telemetry?.state().queue ?? { records: 0, bytes: 0, bodiesDropped: 0 },
    lost: () => telemetry?.state().lost ?? 0,
    restarts: () => telemetry?.state().restarts ?? 0,
    late: () => telemetry?.state().late ?? 0,
    isDatabaseAlive: async () => (await control.databaseState()) === "ok",
    knownTokens: control.tokens.count,
    limitRefusals: limitRefusals.list,
    cache: cache && (() => ({ ...cache.counts, size: cache.store.size() })),
  });
  const questions = {
    status: async () => telemetry?.ask("status"),
    metricsText: async () =>
      (await (await processMetrics.read()).metrics()) + ((await telemetry?.ask("metrics")) ?? ""),
    metricsJson: async () => [
      ...(await (await processMetrics.read()).getMetricsAsJSON()),
      ...((await telemetry?.ask("metricsJson")) ?? []),
    ],
  };
  const desk = openExchangeDesk({
    settings: config.telemetry.exchangeLog.database,
    createWorker: createDeskWorker,
  });
  const management = createLazyManagement(control.findStore, (store) => ({
    ...store,
    auditStore: config.control.audit.enabled && config.control.audit.inDatabase ? store.auditStore : undefined,
    managementToken,
    auditReads: config.control.audit.reads,
    version,
    providerNames: () => config.gateway.providers.map(({ name }) => name),
    describeProviders: () => describeProviders(config.gateway, health.check, reachability),
    describeConfig,
    purgeCache: cache?.store.purge,
    sinks: {
      list: async () => (await telemetry?.ask("status"))?.sinks,
      hold: async (sink) => telemetry?.ask("holdSink", { sink }),
      resume: async (sink) => telemetry?.ask("resumeSink", { sink }),
      replay: async (sink) => telemetry?.ask("retryDead", { sink }),
      deadLetters: async (sink, limit) => telemetry?.ask("deadLetters", { sink, limit }),
    },
    exchanges: {
      findLog: () => (hasExchangeLog(config) ? { ...config.telemetry.exchangeLog, ask: desk.ask } : undefined),
      listen: telemetry && live.listen,
    },
    // A reload changes whose word counts.
    findClientAddress: (peer, forwardedFor) => findClientAddress(peer, forwardedFor),
    now: clock.now,
    onFault: (err, request_id) => log.error({ err, request_id }, "a request to the management API failed"),
  }));
  let { plane, ownPaths, managementPaths } = await prepare(config);
  const server = openServer({
    host: config.host,
    port: config.port,
    reusePort: config.lifecycle.workers > 1,
    findOwn: (request) => ownPaths.find(request),
    gateway: (request) => plane.gateway(request),
    upgrade: (request, listener) => plane.realtime.upgrade(request, listener),
    websocket: plane.realtime.handlers,
    draining: () => draining,
  });

  const { listen } = config.control;
  const managementServer =
    listen &&
    openOwnServer({
      ...listen,
      reusePort: config.lifecycle.workers > 1,
      findOwn: (request) => managementPaths.find(request),
    });

  return {
    url: server.url,
    port: server.port,
    managementUrl: managementServer?.url ?? server.url,
    telemetry,
    change,
    drain,
  };

  /** All that answers under a configuration. */
  async function prepare(settings: Config) {
    const next = await createDataPlane(settings, parts);
    const about = { config: settings, version, health, telemetry: questions, cors: next.cors };
    const isReady = () => control.findStore() !== undefined;
    const pages = createStatusPages({
      ...about,
      isReady,
      databaseState: control.databaseState,
      limitsRedis: limiter.redisState,
      cacheRedis: () => cache?.store.redisState(),
      draining: () => draining,
    });
    const allPaths = createOwnPaths(pages, management.answer);
    if (!settings.control.listen) return { plane: next, ownPaths: allPaths, managementPaths: allPaths };
    const open = Object.entries(pages).filter(([path]) => !path.startsWith(settings.metrics.path));
    return { plane: next, ownPaths: createOwnPaths(Object.fromEntries(open)), managementPaths: allPaths };
  }

  function addressOf({ request, headers }: Pick<Arrival, "request" | "headers">): string {
    return findClientAddress(server.peer(request), headers["x-forwarded-for"] ?? null);
  }

  function openRedis({ url }: RedisConfig): RedisConnection {
    return createRedisConnection({
      url,
      elapsed: clock.elapsed,
      onTrouble: (error) => trouble(error, "the connection to Redis broke"),
    });
  }

  async function change(wanted: Config, held: readonly string[] = []): Promise<readonly string[]> {
    const { config: next, kept: bound } = keepFixed(config, wanted);
    const kept = [...held, ...bound];
    const prepared = await prepare(next);
    await telemetry?.change(await workerSettings(next, version));
    log.level = next.log.level;
    ({ plane, ownPaths, managementPaths } = prepared);
    config = next;
    findClientAddress = createClientAddress(next.trustedProxies);
    findUserBudgets = createUserBudgets(next.budgets.users);
    control.note({ action: "config.reload", outcome: "success", after: { from_next_start: kept } });
    return kept;
  }

  async function drain(beforeClosing?: () => Promise<void>): Promise<number> {
    draining = true;
    const { lifecycle } = config;
    if (lifecycle.drainDelayMs > 0) await Bun.sleep(lifecycle.drainDelayMs);
    server.close();
    live.close();
    for (const relay of parts.relays) relay.leave();
    if (!(await underWay.idle(lifecycle.shutdownTimeoutMs))) {
      underWay.stopAll();
      await underWay.idle(1_000);
    }
    await beforeClosing?.();
    processMetrics.stop();
    const [pending] = await Promise.all([
      telemetry?.close(lifecycle.flushTimeoutMs) ?? 0,
      usage.close(),
      server.end(lifecycle.flushTimeoutMs),
      managementServer?.end(),
    ]);
    desk.close();
    await management.close();
    cache?.store.close();
    settling.close();
    await limiter.close();
    redis?.close();
    await control.close();
    return pending;
  }
}

function hasExchangeLog({ telemetry: { enabled, sinks } }: Config): boolean {
  return enabled && sinks.some(({ name }) => name === "store");
}

async function workerSettings(config: Config, version: string): Promise<WorkerSettings> {
  const { telemetry, log, dataDir } = config;
  const { own, file } = config.prices;
  // A queue that ends with its worker would lose what waits in it: other price data waits for the next start.
  const fileChangedAt = telemetry.outbox.backend === "memory" ? undefined : await findPriceFileChange(file);
  const prices = { own, file, ...(fileChangedAt === undefined ? {} : { fileChangedAt }) };
  return { telemetry, prices, log, dataDir, version };
}

/** Where answers are kept, and what came of asking for them. */
function openCache({ maxBytes, redis }: Config["cache"], onTrouble: TroubleLog) {
  const { elapsed } = realClock;
  const store = redis
    ? createRedisCache({ url: redis.url, prefix: redis.keyPrefix, elapsed, onTrouble })
    : createMemoryCache({ maxBytes, elapsed });
  return { store, counts: createCacheCounts() };
}
