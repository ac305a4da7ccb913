import type { Config } from "../config/config.ts";
import type { Hand } from "../domain/capture.ts";
import type { CacheStore } from "../cache/cache.ts";
import { createEstimator } from "../limits/estimate.ts";
import type { Limiter } from "../limits/limiter.ts";
import { createLimits, type LimitsParts } from "../limits/limits.ts";
import type { OutputAverages } from "../limits/output-averages.ts";
import { createCostEstimator } from "../prices/estimate-cost.ts";
import { openPriceBook } from "../prices/open-price-book.ts";
import { smallBodies } from "./answer-body.ts";
import type { Clock } from "./arrival.ts";
import type { CacheCounts } from "./caching-counts.ts";
import { createFlights } from "./caching-flights.ts";
import { createCaching } from "./caching.ts";
import { type Cors, createCors } from "./cors.ts";
import { createAdmission } from "./credential.ts";
import { createForward } from "./forward.ts";
import { createGateway, type Gateway, type GatewayParts } from "./gateway.ts";
import type { Reachability } from "./reachability.ts";
import { createRealtime, type Realtime } from "./realtime.ts";
import { createRecorder } from "./recorder.ts";
import { createRespond } from "./respond.ts";
import { createRoutes } from "./route.ts";
import type { Settling } from "./settling.ts";
import type { SocketRelay } from "./socket-relay.ts";
import type { TokenBook } from "./token-book.ts";
import { createToll, type TollParts } from "./toll.ts";
import type { UnderWay } from "./under-way.ts";
import { createValidation } from "./validation.ts";

/** What carries calls under one configuration. When that changes a new one takes its place, and calls end in the one where they began. */
export type DataPlane = { readonly gateway: Gateway; readonly realtime: Realtime; readonly cors: Cors };

/** What outlasts a configuration. */
export type DataPlaneParts = Pick<GatewayParts, "onBegin" | "onFault" | "onDenied"> &
  Pick<TollParts, "budgets" | "hasUserBudgets" | "addressOf"> & {
    readonly fetch: typeof fetch;
    readonly viaProxy: boolean;
    readonly clock: Clock;
    readonly hand: Hand;
    readonly underWay: UnderWay;
    readonly reachability: Reachability;
    readonly relays: Set<SocketRelay>;
    readonly tokens: TokenBook;
    /** What opens the management and never goes upstream. */
    readonly managementToken: string;
    readonly breakOff: (request: Request) => void;
    /** What calls are counted in, what answers usually take, and what is not settled yet. */
    readonly limiter: Limiter;
    /** Gets the figure that a call was refused by. */
    readonly onLimited: LimitsParts["onRefused"];
    readonly averages: OutputAverages;
    readonly settling: Settling;
    /** Somebody follows exchanges as they begin and end. */
    readonly isWatched: () => boolean;
    readonly onPriceFault: (error: unknown) => void;
    /** Where answers are kept; absent where none are. */
    readonly cache?: { readonly store: CacheStore; readonly counts: CacheCounts } | undefined;
  };

/** Answers whose usage is told in headers are read before their head goes down. Bytes. */
const jsonBodies = { ...smallBodies, json: 1_048_576 };

/** How long an equal request is waited for where a provider may take for ever. Milliseconds. */
const longestWaitMs = 300_000;

/** Puts together what a configuration asks for. */
export async function createDataPlane(
  {
    gateway: settings,
    telemetry,
    host,
    log,
    limits,
    cache,
    prices,
  }: Pick<Config, "gateway" | "telemetry" | "host" | "log" | "limits" | "cache" | "prices">,
  { onBegin, onFault, breakOff, relays, managementToken, ...parts }: DataPlaneParts,
): Promise<DataPlane> {
  const { clock, hand, underWay, tokens } = parts;
  const keepBytes = telemetry.enabled ? telemetry.maxBodyBytes : 0;
  /** What a metered call took is read in any case. */
  const meterBytes = telemetry.maxBodyBytes;
  const logsBeginnings = log.level === "debug" || log.level === "trace";
  const book = await openPriceBook({ ...prices, onFault: parts.onPriceFault });
  const recorder = createRecorder({ hand, underWay, clock, keepBytes, meterBytes });
  const cors = createCors(settings.corsAllowedOrigins);
  const entrance = {
    ...settings,
    clock,
    findRoute: createRoutes(settings.providers, settings.defaultApi),
    admit: createAdmission({ ...settings, managementToken, tokens, ownHosts: [host] }),
    tokens,
    toll: createToll({
      ...parts,
      limits: createLimits({ rules: limits.rules, limiter: parts.limiter, onRefused: parts.onLimited }),
      estimator: createEstimator(limits.estimation, parts.averages),
      costs: createCostEstimator({ prices: book, now: clock.now }),
      refuseUnpriced: prices.unpriced === "refuse",
      maxInspectBytes: settings.maxInspectBytes,
      maxSampleBytes: limits.estimation.maxSampleBytes,
    }),
    recorder,
    underWay,
  };
  const forward = createForward({
    ...settings,
    ...parts,
    wholeBodies: settings.responseUsageHeaders ? jsonBodies : smallBodies,
  });
  const respond = createRespond({
    recorder,
    clock,
    keepBytes,
    meterBytes,
    ...settings,
    idleMs: settings.streamIdleTimeoutMs,
    breakOff,
    // Prices are megabytes that only this asks of the request thread.
    ...(settings.responseUsageHeaders
      ? { usageHeaders: (await import("./usage-headers.ts")).createUsageHeaders(book) }
      : {}),
  });
  const gateway = createGateway({
    ...entrance,
    cors,
    limits: { ...settings, elapsed: clock.elapsed, keepBytes },
    validate: createValidation(settings.validateRequests),
    forward,
    respond,
    caching:
      parts.cache &&
      createCaching({
        ...parts.cache,
        flights: createFlights(),
        settings: cache,
        clock,
        forward,
        respond,
        countHit: tokens.countHit,
        giveBack: tokens.giveBack,
        patienceMs: settings.proxyTimeoutMs || longestWaitMs,
      }),
    onBegin,
    tellsBeginnings: () => logsBeginnings || parts.isWatched(),
    onFault,
    onDenied: parts.onDenied,
  });
  return { gateway, cors, realtime: createRealtime({ ...entrance, ...parts, cors, keepBytes, meterBytes, relays }) };
}
