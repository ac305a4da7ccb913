import { count, reading, text } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** The Redis that several processes share. */
export const redisSettings = {
  url: {
    env: "REDIS_URL",
    yaml: "redis.url",
    schema: reading("a redis:// or rediss:// URL, redis://user:password@host:6379/0", readRedisUrl).optional(),
    secret: true,
    help: "The Redis that processes share: `redis://user:password@host:6379/0`, or `rediss://…` over TLS. Unset, there is none.",
  },
  address: {
    env: "REDIS_ADDR",
    yaml: "redis.addr",
    schema: reading("host:port", readRedisAddress).optional(),
    help: "The same as `host:port`, where `REDIS_URL` isn't set.",
  },
  database: {
    env: "REDIS_DB",
    yaml: "redis.db",
    schema: count().optional(),
    help: "The number of the database there, where the URL has none.",
  },
  username: {
    env: "REDIS_USERNAME",
    yaml: "redis.username",
    schema: text().optional(),
    help: "Who logs in there, where the URL names nobody.",
  },
  password: {
    env: "REDIS_PASSWORD",
    yaml: "redis.password",
    schema: text().optional(),
    secret: true,
    help: "Its password, where the URL has none.",
  },
} satisfies Settings;

function readRedisUrl(written: string): string | undefined {
  if (!/^rediss?:\/\/[^/]/.test(written) || !URL.canParse(written)) return undefined;
  const { hostname, pathname } = new URL(written);
  return hostname !== "" && /^\/?\d*$/.test(pathname) ? written : undefined;
}

function readRedisAddress(written: string): string | undefined {
  return /^(?:[\w.-]+|\[[\da-f:]+\]):\d{1,5}$/i.test(written) ? written : undefined;
}
