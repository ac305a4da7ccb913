import type { Config } from "../config/config.ts";
import type { Hand } from "../domain/capture.ts";
import { smallBodies } from "./answer-body.ts";
import type { Clock } from "./arrival.ts";
import { type Cors, createCors } from "./cors.ts";
import { createAdmission } from "./credential.ts";
import { createForward } from "./forward.ts";
import { createGateway, type Gateway, type GatewayParts } from "./gateway.ts";
import type { Reachability } from "./reachability.ts";
import { createRealtime, type Realtime } from "./realtime.ts";
import { createRecorder } from "./recorder.ts";
import { createRespond } from "./respond.ts";
import { createRoutes } from "./route.ts";
import type { SocketRelay } from "./socket-relay.ts";
import type { TokenBook } from "./token-book.ts";
import type { UnderWay } from "./under-way.ts";
import { createValidation } from "./validation.ts";

/** What carries calls under one configuration. When that changes a new one takes its place, and calls end in the one where they began. */
export type DataPlane = { readonly gateway: Gateway; readonly realtime: Realtime; readonly cors: Cors };

/** What outlasts a configuration. */
export type DataPlaneParts = Pick<GatewayParts, "onBegin" | "onFault" | "onDenied"> & {
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
};

/** Answers whose usage is told in headers are read before their head goes down. Bytes. */
const jsonBodies = { ...smallBodies, json: 1_048_576 };

/** Puts together what a configuration asks for. */
export async function createDataPlane(
  { gateway: settings, telemetry, host, log }: Pick<Config, "gateway" | "telemetry" | "host" | "log">,
  { onBegin, onFault, breakOff, relays, managementToken, ...parts }: DataPlaneParts,
): Promise<DataPlane> {
  const { clock, hand, underWay, tokens } = parts;
  const keepBytes = telemetry.enabled ? telemetry.maxBodyBytes : 0;
  const recorder = createRecorder({ hand, underWay, clock, keepBytes });
  const cors = createCors(settings.corsAllowedOrigins);
  const entrance = {
    ...settings,
    clock,
    findRoute: createRoutes(settings.providers, settings.defaultApi),
    admit: createAdmission({ ...settings, managementToken, tokens, ownHosts: [host] }),
    tokens,
    recorder,
    underWay,
  };
  const gateway = createGateway({
    ...entrance,
    cors,
    limits: { ...settings, elapsed: clock.elapsed, keepBytes },
    validate: createValidation(settings.validateRequests),
    forward: createForward({
      ...settings,
      ...parts,
      wholeBodies: settings.responseUsageHeaders ? jsonBodies : smallBodies,
    }),
    respond: createRespond({
      recorder,
      clock,
      keepBytes,
      ...settings,
      idleMs: settings.streamIdleTimeoutMs,
      breakOff,
      // Prices are megabytes that only this asks of the request thread.
      ...(settings.responseUsageHeaders
        ? { usageHeaders: (await import("./usage-headers.ts")).createUsageHeaders() }
        : {}),
    }),
    onBegin: log.level === "debug" || log.level === "trace" ? onBegin : undefined,
    onFault,
    onDenied: parts.onDenied,
  });
  return { gateway, cors, realtime: createRealtime({ ...entrance, ...parts, keepBytes, relays }) };
}
