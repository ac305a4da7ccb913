import { timingSafeEqual } from "node:crypto";
import type { Config } from "../config/config.ts";
import type { OutboxStatus } from "../outbox/status.ts";
import type { Cors } from "./cors.ts";
import type { DatabaseState } from "./database-life.ts";
import type { UpstreamHealth, UpstreamStatus } from "./health.ts";
import { type OwnPath, readOnly } from "./own-paths.ts";

/** What can be asked about telemetry; `undefined` where it is switched off or doesn't answer. */
export type TelemetryQuestions = {
  readonly status: () => Promise<OutboxStatus | undefined>;
  readonly metricsText: () => Promise<string>;
  readonly metricsJson: () => Promise<readonly unknown[]>;
};

type RedisState = "up" | "down";

/** What the pages tell about. */
export type StatusPagesParts = {
  readonly config: Config;
  readonly version: string;
  readonly health: UpstreamHealth;
  readonly telemetry: TelemetryQuestions;
  readonly cors: Cors;
  readonly draining: () => boolean;
  /** Whether everything was reached once that it needs. */
  readonly isReady: () => boolean;
  readonly databaseState: () => Promise<DatabaseState>;
  /** Whether Redis counts the rate limits, and keeps answers; `undefined` where it isn't asked to. */
  readonly limitsRedis: () => RedisState | undefined;
  readonly cacheRedis: () => RedisState | undefined;
};

/** Creates the pages for container checks, load balancers and Prometheus; they tell no secret. */
export function createStatusPages({
  config,
  version,
  health,
  telemetry,
  cors,
  draining,
  isReady,
  databaseState,
  limitsRedis,
  cacheRedis,
}: StatusPagesParts): Readonly<Record<string, OwnPath>> {
  const { providers } = config.gateway;
  const open = (path: OwnPath): OwnPath => withCors(cors, readOnly(path));
  const { path: metricsPath, token, enabled } = config.metrics;
  const guarded = (path: OwnPath): OwnPath =>
    readOnly((request, peer) => (isAllowed(request, token) ? path(request, peer) : unauthorized()));
  const text: OwnPath = async () =>
    new Response(await telemetry.metricsText(), {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    });
  const json: OwnPath = async () => Response.json(await telemetry.metricsJson());
  const either: OwnPath = (request, peer) =>
    request.headers.get("accept")?.includes("application/json") ? json(request, peer) : text(request, peer);
  const metrics = {
    [metricsPath]: guarded(either),
    [`${metricsPath}.json`]: guarded(json),
    [`${metricsPath}/prometheus`]: guarded(text),
  };

  return {
    "/live": open(() => Response.json({ status: "ok" })),
    "/ready": open(() => {
      const status = draining() ? "draining" : isReady() ? "ok" : "waiting_for_database";
      return status === "ok"
        ? Response.json({ status })
        : Response.json({ status }, { status: 503, headers: { "retry-after": "1" } });
    }),
    "/health": open(readHealth),
    "/api/health": open(readApiHealth),
    ...(enabled ? metrics : {}),
  };

  async function readHealth(): Promise<Response> {
    const [upstream, status, database] = await Promise.all([readUpstreams(), telemetry.status(), databaseState()]);
    const failing = status?.sinks.some((sink) => sink.failing !== undefined) ?? config.telemetry.enabled;
    const limits = limitsRedis();
    const cache = cacheRedis();
    const isRedisDown = limits === "down" || cache === "down";
    return Response.json({
      status: failing || database !== "ok" || isRedisDown || isAnyUnreachable(upstream) ? "degraded" : "ok",
      timestamp: new Date().toISOString(),
      version,
      providers: Object.fromEntries(
        providers.map(({ name, baseUrl }) => [
          name,
          { status: upstream[name], base_url: baseUrl, streaming_support: true },
        ]),
      ),
      features: {
        auth_mode: config.gateway.authMode,
        telemetry: config.telemetry.enabled,
        durability: config.telemetry.durability,
      },
      database: { driver: config.control.database.driver, status: database },
      ...(limits && { limits: { ...writeRedis(limits), on_failure: config.limits.onFailure } }),
      ...(cache && { cache: writeRedis(cache) }),
      ...(config.telemetry.enabled ? { telemetry: status ? writeStatus(status) : { status: "no_answer" } } : {}),
    });
  }

  async function readApiHealth(): Promise<Response> {
    const upstream = await readUpstreams();
    return Response.json({ name: "weir", version, status: isAnyUnreachable(upstream) ? "degraded" : "ok", upstream });
  }

  async function readUpstreams(): Promise<Readonly<Record<string, UpstreamStatus>>> {
    return Object.fromEntries(
      await Promise.all(providers.map(async (provider) => [provider.name, await health.check(provider)] as const)),
    );
  }
}

function isAnyUnreachable(upstream: Readonly<Record<string, UpstreamStatus>>): boolean {
  return Object.values(upstream).includes("unreachable");
}

function writeRedis(state: RedisState) {
  return { backend: "redis", status: state === "up" ? "ok" : "unreachable" };
}

function writeStatus({ outbox, sinks }: OutboxStatus) {
  return {
    outbox: { bytes: outbox.bytes, records: outbox.records, bodies_shed: outbox.bodiesShed },
    sinks: sinks.map(({ name, target, counts, failing }) => ({
      name,
      target,
      status: failing === undefined ? "ok" : "failing",
      ...(failing === undefined ? {} : { reason: failing }),
      received: counts.received,
      delivered: counts.delivered,
      pending: counts.pending,
      rejected: counts.rejected,
      dropped: counts.dropped,
      sampled_out: counts.sampledOut,
      lag_seconds: counts.lagSeconds,
    })),
  };
}

function withCors(cors: Cors, path: OwnPath): OwnPath {
  return async (request, peer) => {
    const preflight = request.method === "OPTIONS" && cors.preflight(request.headers);
    if (preflight) return preflight;
    const answer = await path(request, peer);
    const origin = request.headers.get("origin");
    if (origin !== null) cors.apply(origin, answer.headers);
    return answer;
  };
}

function isAllowed(request: Request, token: string | undefined): boolean {
  if (token === undefined) return true;
  const given = Buffer.from(request.headers.get("authorization")?.replace(/^bearer\s+/i, "") ?? "");
  const expected = Buffer.from(token);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function unauthorized(): Response {
  const error = {
    message: "Send METRICS_TOKEN in the Authorization header as a Bearer token.",
    code: "invalid_api_key",
  };
  return Response.json(
    { error },
    { status: 401, headers: { "www-authenticate": "Bearer", "x-weir-error": "invalid_api_key" } },
  );
}
