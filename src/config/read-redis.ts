import type { RedisConfig } from "./config.ts";
import type { Lookup } from "./lookup.ts";
import { readSettings } from "./read-settings.ts";
import { redisSettings } from "./redis-settings.ts";
import type { Report } from "./report.ts";

/** Reads where the Redis is that processes share, if there is one; what its URL doesn't say is taken from the other settings. */
export function readRedis(lookup: Lookup, report: Report): RedisConfig | undefined {
  const { url: written, address, database, username, password } = readSettings(redisSettings, lookup, report);
  const base = written ?? (address === undefined ? undefined : `redis://${address}`);
  if (base === undefined) return undefined;
  const url = new URL(base);
  if (url.username === "" && username !== undefined) url.username = encodeURIComponent(username);
  if (url.password === "" && password !== undefined) url.password = encodeURIComponent(password);
  if (url.pathname.length <= 1 && database !== undefined) url.pathname = `/${database}`;
  return { url: url.href };
}
