import { smallBodies } from "./gateway/answer-body.ts";
import { createCors } from "./gateway/cors.ts";
import { createAdmission } from "./gateway/credential.ts";
import { createForward } from "./gateway/forward.ts";
import { createGateway } from "./gateway/gateway.ts";
import { createUpstreamHealth } from "./gateway/health.ts";
import { createReachability } from "./gateway/reachability.ts";
import { createRealtime } from "./gateway/realtime.ts";
import { createRecorder } from "./gateway/recorder.ts";
import { createRespond } from "./gateway/respond.ts";
import { createRoutes } from "./gateway/route.ts";
import { openServer } from "./gateway/server.ts";
import { createStatusPages } from "./gateway/status-pages.ts";
import { createUnderWay } from "./gateway/under-way.ts";
import { createValidation } from "./gateway/validation.ts";
import { createOwnPaths } from "./gateway/own-paths.ts";
import type { Hand } from "./domain/capture.ts";
import type { Config } from "./config/config.ts";
import type { Log } from "./lib/log.ts";
import { createProcessMetrics } from "./telemetry/process-metrics.ts";
import { openTelemetry, type Telemetry } from "./telemetry/telemetry.ts";

/** A running Weir. */
export type App = {
  readonly url: string;
  readonly port: number;
  readonly telemetry: Telemetry | undefined;
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
  readonly fetch?: typeof fetch;
  /** Upstream requests go through a proxy of the environment's. */
  readonly viaProxy?: boolean;
};

const clock = { now: Date.now, elapsed: () => performance.now() };

/** Answers whose usage is told in headers are read before their head goes down. */
const jsonBodies = { ...smallBodies, json: 1_048_576 };

/** Puts the parts together and listens; throws what the operator has to mend. */
export async function openApp({
  config,
  log,
  version,
  createWorker,
  fetch = globalThis.fetch,
  viaProxy = false,
}: AppParts): Promise<App> {
  const { gateway: settings, lifecycle, dataDir } = config;
  const telemetry = config.telemetry.enabled
    ? await openTelemetry({
        settings: { telemetry: config.telemetry, log: config.log, dataDir, version },
        createWorker,
        onTrouble: (about, phrase) => log.error(about, phrase),
      })
    : undefined;
  const hand: Hand = telemetry?.hand ?? (() => undefined);
  const keepBytes = telemetry ? config.telemetry.maxBodyBytes : 0;
  const reachability = createReachability(clock.elapsed);
  const underWay = createUnderWay({
    elapsed: clock.elapsed,
    connection: { hold: (request) => server.hold(request), rest: (request) => server.rest(request) },
  });
  let draining = false;

  const recorder = createRecorder({ hand, underWay, clock, keepBytes });
  const cors = createCors(settings.corsAllowedOrigins);
  const findRoute = createRoutes(settings.providers, settings.defaultApi);
  const admit = createAdmission({ ...settings, ownHosts: [config.host] });
  const drainMs = settings.onDisconnect === "drain" ? settings.drainTimeoutMs : 0;
  const forward = createForward({
    ...settings,
    fetch,
    clock,
    reachability,
    drain: drainMs > 0,
    wholeBodies: settings.responseUsageHeaders ? jsonBodies : smallBodies,
    viaProxy,
  });
  const respond = createRespond({
    recorder,
    clock,
    keepBytes,
    idleMs: settings.streamIdleTimeoutMs,
    drainMs,
    errorEvent: settings.streamErrorEvent,
    breakOff: (request) => server.breakOff(request),
    // Prices are megabytes that only this asks of the request thread.
    ...(settings.responseUsageHeaders
      ? { usageHeaders: (await import("./gateway/usage-headers.ts")).createUsageHeaders() }
      : {}),
  });
  const gateway = createGateway({
    ...settings,
    clock,
    cors,
    findRoute,
    admit,
    limits: { ...settings, elapsed: clock.elapsed, keepBytes },
    validate: createValidation(settings.validateRequests),
    forward,
    respond,
    recorder,
    underWay,
    onFault: (err, exchange_id) => log.error({ err, exchange_id }, "a request failed inside the gateway"),
  });
  const realtime = createRealtime({ ...settings, clock, findRoute, admit, recorder, hand, underWay, keepBytes });
  const health = createUpstreamHealth({ fetch, elapsed: clock.elapsed, reachability });
  const processMetrics = createProcessMetrics({
    inFlight: underWay.count,
    queue: () => telemetry?.state().queue ?? { records: 0, bytes: 0, bodiesDropped: 0 },
    lost: () => telemetry?.state().lost ?? 0,
    restarts: () => telemetry?.state().restarts ?? 0,
    late: () => telemetry?.state().late ?? 0,
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
  const pages = createStatusPages({ config, version, health, telemetry: questions, cors, draining: () => draining });
  const server = openServer({
    host: config.host,
    port: config.port,
    reusePort: lifecycle.workers > 1,
    ownPaths: createOwnPaths(pages),
    gateway,
    upgrade: realtime.upgrade,
    websocket: realtime.handlers,
    draining: () => draining,
  });

  return { url: server.url, port: server.port, telemetry, drain };

  async function drain(beforeClosing?: () => Promise<void>): Promise<number> {
    draining = true;
    if (lifecycle.drainDelayMs > 0) await Bun.sleep(lifecycle.drainDelayMs);
    server.close();
    realtime.close();
    if (!(await underWay.idle(lifecycle.shutdownTimeoutMs))) {
      underWay.stopAll();
      await underWay.idle(1_000);
    }
    await beforeClosing?.();
    processMetrics.stop();
    const [pending] = await Promise.all([
      telemetry?.close(lifecycle.flushTimeoutMs) ?? 0,
      server.end(lifecycle.flushTimeoutMs),
    ]);
    return pending;
  }
}
