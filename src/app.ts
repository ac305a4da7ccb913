import type { Config } from "./config/config.ts";
import type { ConfigLine } from "./config/describe-config.ts";
import { keepFixed } from "./config/keep-fixed.ts";
import { openControl } from "./control.ts";
import type { Hand } from "./domain/capture.ts";
import { createDataPlane, type DataPlaneParts } from "./gateway/data-plane.ts";
import { describeProviders } from "./gateway/describe-providers.ts";
import { createUpstreamHealth } from "./gateway/health.ts";
import { createOwnPaths } from "./gateway/own-paths.ts";
import { createReachability } from "./gateway/reachability.ts";
import { openOwnServer } from "./gateway/own-server.ts";
import { openServer } from "./gateway/server.ts";
import { createStatusPages } from "./gateway/status-pages.ts";
import { createUnderWay } from "./gateway/under-way.ts";
import { createClientAddress } from "./lib/client-address.ts";
import type { Log } from "./lib/log.ts";
import { createTroubleLog } from "./lib/trouble-log.ts";
import { createLazyManagement } from "./management/lazy-management.ts";
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
   * start on only; throws where the new sinks can't be opened, and everything stays as it was.
   */
  readonly change: (next: Config) => Promise<readonly string[]>;
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
  /** What opens the management. */
  readonly managementToken: string;
  /** The configuration that holds now, line by line, without secrets. */
  readonly describeConfig: () => readonly ConfigLine[];
  readonly fetch?: typeof fetch;
  /** Upstream requests go through a proxy of the environment's. */
  readonly viaProxy?: boolean;
};

const clock = { now: Date.now, elapsed: () => performance.now() };

/** Puts the parts together and listens; throws what the operator has to mend. */
export async function openApp({
  config: first,
  log,
  version,
  createWorker,
  managementToken,
  describeConfig,
  fetch = globalThis.fetch,
  viaProxy = false,
}: AppParts): Promise<App> {
  let config = first;
  let draining = false;
  let findClientAddress = createClientAddress(config.trustedProxies);
  const telemetry = config.telemetry.enabled
    ? await openTelemetry({
        settings: workerSettings(config, version),
        createWorker,
        onTrouble: (about, phrase) => log.error(about, phrase),
      })
    : undefined;
  const trouble = createTroubleLog(log, clock.elapsed);
  const control = await openControl({ config: config.control, clock, trouble });
  const hand: Hand = telemetry?.hand ?? (() => undefined);
  const reachability = createReachability(clock.elapsed);
  const underWay = createUnderWay({
    elapsed: clock.elapsed,
    connection: { hold: (request) => server.hold(request), rest: (request) => server.rest(request) },
  });
  const parts: DataPlaneParts = {
    fetch,
    viaProxy,
    clock,
    hand,
    underWay,
    reachability,
    relays: new Set(),
    tokens: control.tokens,
    managementToken,
    onDenied(arrival, refusal) {
      const peer = server.peer(arrival.request);
      control.deny(arrival, refusal, findClientAddress(peer, arrival.headers["x-forwarded-for"] ?? null));
    },
    breakOff: (request) => server.breakOff(request),
    onBegin: (beginning) => log.debug(beginning, "exchange began"),
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
    isDatabaseAlive: control.isAlive,
    knownTokens: control.tokens.count,
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
  const management = createLazyManagement(control.findStore, (store) => ({
    ...store,
    auditStore: config.control.audit.inDatabase ? store.auditStore : undefined,
    managementToken,
    auditReads: config.control.audit.reads,
    version,
    providerNames: () => config.gateway.providers.map(({ name }) => name),
    describeProviders: () => describeProviders(config.gateway, health.check, reachability),
    describeConfig,
    sinks: {
      list: async () => (await telemetry?.ask("status"))?.sinks,
      hold: async (sink) => telemetry?.ask("holdSink", { sink }),
      resume: async (sink) => telemetry?.ask("resumeSink", { sink }),
      replay: async (sink) => telemetry?.ask("retryDead", { sink }),
      deadLetters: async (sink, limit) => telemetry?.ask("deadLetters", { sink, limit }),
    },
    trustedProxies: config.trustedProxies,
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
    const pages = createStatusPages({ ...about, isReady, isDatabaseAlive: control.isAlive, draining: () => draining });
    const allPaths = createOwnPaths(pages, management.answer);
    if (!settings.control.listen) return { plane: next, ownPaths: allPaths, managementPaths: allPaths };
    const open = Object.entries(pages).filter(([path]) => !path.startsWith(settings.metrics.path));
    return { plane: next, ownPaths: createOwnPaths(Object.fromEntries(open)), managementPaths: allPaths };
  }

  async function change(wanted: Config): Promise<readonly string[]> {
    const { config: next, kept } = keepFixed(config, wanted);
    const prepared = await prepare(next);
    await telemetry?.change(workerSettings(next, version));
    log.level = next.log.level;
    ({ plane, ownPaths, managementPaths } = prepared);
    config = next;
    findClientAddress = createClientAddress(next.trustedProxies);
    control.note({ action: "config.reload", outcome: "success", after: { from_next_start: kept } });
    return kept;
  }

  async function drain(beforeClosing?: () => Promise<void>): Promise<number> {
    draining = true;
    const { lifecycle } = config;
    if (lifecycle.drainDelayMs > 0) await Bun.sleep(lifecycle.drainDelayMs);
    server.close();
    for (const relay of parts.relays) relay.leave();
    if (!(await underWay.idle(lifecycle.shutdownTimeoutMs))) {
      underWay.stopAll();
      await underWay.idle(1_000);
    }
    await beforeClosing?.();
    processMetrics.stop();
    const [pending] = await Promise.all([
      telemetry?.close(lifecycle.flushTimeoutMs) ?? 0,
      server.end(lifecycle.flushTimeoutMs),
      managementServer?.end(),
    ]);
    await management.close();
    await control.close();
    return pending;
  }
}

function workerSettings({ telemetry, log, dataDir }: Config, version: string): WorkerSettings {
  return { telemetry, log, dataDir, version };
}
