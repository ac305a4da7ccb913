import type { Config } from "../../config/config.ts";
import { createRedisConnection } from "../../lib/redis-connection.ts";
import { formatDuration } from "../format.ts";
import { codeOf, type Finding } from "./check.ts";

/** What a Redis is for. */
type Use = {
  readonly name: string;
  readonly url: string;
  readonly setting: string;
  readonly does: string;
  /** What becomes of calls while it is away. */
  readonly without: string;
};

const withinMs = 5_000;

const withoutLimits = {
  local: "each process counts for itself meanwhile (LIMITS_ON_FAILURE=local)",
  open: "nothing is limited meanwhile (LIMITS_ON_FAILURE=open)",
  closed: "limited calls get 503 meanwhile (LIMITS_ON_FAILURE=closed)",
} as const;

/** Whether each Redis that limits and the cache use can be reached and lets us in. */
export async function checkRedis(config: Pick<Config, "limits" | "redis" | "cache">): Promise<readonly Finding[]> {
  return Promise.all(listUses(config).map(checkUse));
}

function listUses({ limits, redis, cache }: Pick<Config, "limits" | "redis" | "cache">): readonly Use[] {
  const counts = limits.backend === "redis" && redis;
  const keeps = cache.enabled && cache.redis;
  return [
    ...(counts
      ? [
          {
            name: "redis for limits",
            url: counts.url,
            setting: "REDIS_URL",
            does: "counts the rate limits",
            without: withoutLimits[limits.onFailure],
          },
        ]
      : []),
    ...(keeps
      ? [
          {
            name: "redis for the cache",
            url: keeps.url,
            setting: keeps.url === redis?.url ? "REDIS_URL" : "REDIS_CACHE_URL",
            does: "keeps answers",
            without: "every call goes upstream meanwhile",
          },
        ]
      : []),
  ];
}

async function checkUse({ name, url, setting, does, without }: Use): Promise<Finding> {
  const place = describe(url);
  try {
    const took = await ping(url);
    return { name, state: "ok", message: `${place} ${does} (PING ${formatDuration(took)})` };
  } catch (error) {
    const why = codeOf(error);
    // Who answers at all is there.
    if (/^(?:WRONGPASS|NOAUTH|NOPERM|ERR) /.test(why)) {
      const advice = `Correct the user, the password or the database in ${setting}.`;
      return { name, state: "fail", message: `${place} doesn't let us in (${why}); ${without}`, advice };
    }
    const advice = `Start it, or correct ${setting}.`;
    return {
      name,
      state: "fail",
      message: `${place} can't be reached (${why}); ${without}`,
      advice,
      unreachable: true,
    };
  }
}

/** How long an answer took, in milliseconds; throws why there is none. */
async function ping(url: string): Promise<number> {
  const trouble = Promise.withResolvers<never>();
  const redis = createRedisConnection({ url, elapsed: () => performance.now(), onTrouble: trouble.reject });
  try {
    if (!(await Promise.race([redis.whenUp(withinMs), trouble.promise]))) throw new Error("no answer in time");
    const from = performance.now();
    await redis.send(["PING"], { limitMs: withinMs });
    return performance.now() - from;
  } finally {
    redis.close();
    // What comes after is nobody's any more.
    trouble.promise.catch(() => {});
  }
}

/** Without what nobody may read. */
function describe(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
