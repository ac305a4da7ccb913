import { cacheSettings, readSecondsOf } from "./cache-settings.ts";
import type { CacheConfig, CacheRule } from "./config.ts";
import { isTree, type Lookup } from "./lookup.ts";
import { readSettings } from "./read-settings.ts";
import type { Report } from "./report.ts";

/** Reads what is kept of answers; `redisUrl` is the Redis of everything, where there is one. */
export function readCache(lookup: Lookup, redisUrl: string | undefined, report: Report): CacheConfig {
  const { backend, keyPrefix, rules, redisUrl: ownUrl, ...settings } = readSettings(cacheSettings, lookup, report);
  const url = ownUrl ?? redisUrl;
  if (settings.enabled && backend === "redis" && url === undefined)
    report.fault(
      "REDIS_CACHE_URL or REDIS_URL must be set, because HTTP_CACHE_BACKEND is redis: redis://user:password@host:6379/0",
    );
  const read = readRules(rules, report);
  if (read.length > 0 && !settings.enabled)
    report.warn("cache.rules changes nothing, because HTTP_CACHE_ENABLED (cache.enabled) is not true");
  checkRoom({ ...settings, backend }, report);
  return {
    ...settings,
    rules: read,
    ...(backend === "redis" && url !== undefined ? { redis: { url, keyPrefix } } : {}),
  };
}

/** An answer that is larger than all there is room for is never kept. */
function checkRoom(
  {
    enabled,
    backend,
    maxBytes,
    maxObjectBytes,
  }: Pick<CacheConfig, "enabled" | "maxBytes" | "maxObjectBytes"> & { readonly backend: string },
  report: Report,
): void {
  if (!enabled || backend !== "in-memory" || maxBytes >= maxObjectBytes) return;
  report.warn(
    `HTTP_CACHE_MAX_BYTES (${maxBytes}) is less than HTTP_CACHE_MAX_OBJECT_BYTES (${maxObjectBytes}), so answers that may be kept find no room; make it many times as large`,
  );
}

function readRules(written: unknown, report: Report): readonly CacheRule[] {
  if (written === undefined || written === null || written === "") return [];
  if (!Array.isArray(written)) {
    report.fault("cache.rules must be a list, such as [{ path: /v1/models, ttl: 1h }]");
    return [];
  }
  return written.flatMap((rule: unknown, at) => readRule(rule, `cache.rules[${at}]`, report) ?? []);
}

const known: ReadonlySet<string> = new Set(["path", "methods", "ttl", "shared"]);
const methodsOfAll = ["GET", "POST"];

function readRule(rule: unknown, name: string, report: Report): CacheRule | undefined {
  if (!isTree(rule)) return wrong(`${name} must be a map, such as { path: /v1/models, ttl: 1h }`);
  const other = Object.keys(rule).find((key) => !known.has(key));
  if (other !== undefined)
    return wrong(`${name}.${other} is not a setting of this build; it may have ${[...known].join(", ")}`);
  const { path, methods = methodsOfAll, ttl, shared = false } = rule;
  if (typeof path !== "string" || !/^(?:\/|\*)/.test(path))
    return wrong(`${name}.path must be a path or a glob such as /v1/models/*`);
  const names = Array.isArray(methods) ? methods.map((method) => String(method).toUpperCase()) : [];
  if (names.length === 0 || names.some((method) => !methodsOfAll.includes(method)))
    return wrong(`${name}.methods must be a list of GET and POST`);
  const ttlSeconds = typeof ttl === "string" || typeof ttl === "number" ? readSecondsOf(String(ttl)) : undefined;
  if (ttl !== undefined && ttl !== null && !ttlSeconds)
    return wrong(`${name}.ttl must be seconds of at least 1, or a duration such as 5m or 1h`);
  if (typeof shared !== "boolean") return wrong(`${name}.shared must be true or false`);
  return { path, methods: names, shared, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) };

  function wrong(message: string): undefined {
    report.fault(message);
    return undefined;
  }
}
