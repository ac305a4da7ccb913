import { type LimitFigures, type LimitRules, type LimitScope, limitScopes } from "../domain/limits.ts";
import { count } from "../lib/setting-schema.ts";
import type { SettingValues } from "../lib/setting.ts";
import type { LimitsConfig, RedisConfig } from "./config.ts";
import { limitSettings } from "./limit-settings.ts";
import { isTree, type Lookup } from "./lookup.ts";
import { nameOneOf } from "./name-one-of.ts";
import { findNearest } from "./nearest.ts";
import { readOverrideName } from "./override-name.ts";
import { readSettings } from "./read-settings.ts";
import type { Report } from "./report.ts";
import type { YamlTree } from "./yaml-file.ts";

/** What limits are read from. */
export type LimitSources = {
  readonly lookup: Lookup;
  /** The configuration file's name, for messages. */
  readonly file: string;
  readonly redis: RedisConfig | undefined;
  /** The names of those that can be called. */
  readonly providers: readonly string[];
};

type Values = SettingValues<typeof limitSettings>;

/** Reads how much may be called, and where it is counted. */
export function readLimits({ lookup, file, redis, providers }: LimitSources, report: Report): LimitsConfig {
  const values = readSettings(limitSettings, lookup, report);
  const { maxSampleBytes, bytesPerToken, charsPerToken, providerCharsPerToken, optimisticFirst } = values;
  const ratios = lookup.find(limitSettings.providerCharsPerToken);
  for (const name of ratios === undefined ? [] : Object.keys(providerCharsPerToken))
    if (!providers.includes(name)) report.warn(`${ratios?.name} should ${nameOneOf(providers, name)}`);
  return {
    rules: {
      base: readBase(values, lookup, report),
      global: {
        requestsPerMinute: values.globalRequestsPerMinute,
        tokensPerMinute: values.globalTokensPerMinute,
        requestsPerDay: values.globalRequestsPerDay,
        tokensPerDay: values.globalTokensPerDay,
        concurrent: values.globalConcurrent,
      },
      perAddress: {
        requestsPerMinute: values.addressRequestsPerMinute,
        tokensPerMinute: values.addressTokensPerMinute,
        requestsPerDay: values.addressRequestsPerDay,
        tokensPerDay: values.addressTokensPerDay,
        concurrent: values.addressConcurrent,
      },
      overrides: readOverrides(values.overrides, { file, providers, report }),
      count: values.count,
      optimisticFirst,
    },
    estimation: { maxSampleBytes, bytesPerToken, charsPerToken, providerCharsPerToken },
    backend: readBackend(values, redis, report),
    onFailure: values.onFailure ?? (values.distributed && !values.distributedFallback ? "closed" : "local"),
  };
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

function readBase(values: Values, lookup: Lookup, report: Report): LimitFigures {
  const { requestsPerMinute, tokensPerMinute, requestsPerDay, tokensPerDay, concurrent } = values;
  const base = { requestsPerMinute, tokensPerMinute, requestsPerDay, tokensPerDay, concurrent };
  if (!values.distributed) return base;
  const { distributedMax: max, distributedWindow: windowMs } = values;
  if (max === undefined) {
    if (lookup.find(limitSettings.distributedMax) === undefined)
      report.fault("DISTRIBUTED_RATE_LIMIT_MAX must be set, because DISTRIBUTED_RATE_LIMIT_ENABLED is true");
    return base;
  }
  if (windowMs === minuteMs) return givenFirst("requestsPerMinute");
  if (windowMs === dayMs) return givenFirst("requestsPerDay");
  const written = String(lookup.find(limitSettings.distributedWindow)?.value).trim();
  report.fault(`DISTRIBUTED_RATE_LIMIT_WINDOW must be 1m or 24h, not "${written}": other windows are not counted here`);
  return base;

  function givenFirst(name: "requestsPerMinute" | "requestsPerDay"): LimitFigures {
    return lookup.find(limitSettings[name]) === undefined ? { ...base, [name]: max } : base;
  }
}

function readBackend(
  { backend, distributed }: Values,
  redis: RedisConfig | undefined,
  report: Report,
): LimitsConfig["backend"] {
  if (backend === "redis" && redis === undefined)
    report.fault(
      "REDIS_URL or REDIS_ADDR must be set, because LIMITS_BACKEND is redis: redis://user:password@host:6379/0",
    );
  const chosen = backend ?? (redis === undefined ? "memory" : "redis");
  if (distributed && chosen === "memory")
    report.warn(
      "DISTRIBUTED_RATE_LIMIT_ENABLED is true without a Redis, so each process counts by itself; set REDIS_URL",
    );
  return chosen;
}

const figureNames: ReadonlyMap<string, keyof LimitFigures> = new Map([
  ["requests_per_minute", "requestsPerMinute"],
  ["tokens_per_minute", "tokensPerMinute"],
  ["requests_per_day", "requestsPerDay"],
  ["tokens_per_day", "tokensPerDay"],
  ["concurrent", "concurrent"],
]);

/** Everybody together is nobody in particular. */
const overridable: readonly LimitScope[] = limitScopes.filter((scope) => scope !== "global");

type Fault = (path: string, expected: string, value?: unknown) => void;

type OverrideSources = Pick<LimitSources, "file" | "providers"> & { readonly report: Report };

function readOverrides(written: unknown, { file, providers, report }: OverrideSources): LimitRules["overrides"] {
  const fault: Fault = (path, expected, value) => {
    const found = value === undefined ? "" : `, not ${JSON.stringify(value).slice(0, 80)}`;
    report.fault(`${path} in ${file} must ${expected}${found}`);
  };
  const path = limitSettings.overrides.yaml;
  checkNames(path, written, overridable, fault);
  const read = overridable.map((scope) => {
    const here = `${path}.${scope}`;
    const named = Object.entries(readTree(here, readTree(path, written, fault)[scope], fault)).flatMap(
      ([each, value]) => {
        const name = readOverrideName(scope, each, providers);
        if (name.kind === "fault") {
          fault(here, name.expected);
          return [];
        }
        if (name.warning !== undefined) report.warn(`${here} in ${file} should ${name.warning}`);
        const figures = readFigures(`${here}.${each}`, value, fault);
        if (isTree(value) && Object.keys(value).length === 0)
          report.warn(`${here}.${each} in ${file} changes nothing, because it has no figures`);
        return [[name.name, figures] as const];
      },
    );
    return [scope, Object.fromEntries(named)] as const;
  });
  return Object.fromEntries(read.filter(([, named]) => Object.keys(named).length > 0));
}

function readFigures(path: string, written: unknown, fault: Fault): LimitFigures {
  checkNames(path, written, [...figureNames.keys()], fault);
  const figures = Object.entries(readTree(path, written, fault)).flatMap(([key, value]) => {
    const name = figureNames.get(key);
    if (name === undefined || isAbsent(value)) return [];
    const read = count().safeParse(value);
    if (!read.success) fault(`${path}.${key}`, `be ${read.error.issues[0]?.message}`, value);
    return read.success ? [[name, read.data] as const] : [];
  });
  return Object.fromEntries(figures);
}

function checkNames(path: string, written: unknown, known: readonly string[], fault: Fault): void {
  for (const name of isTree(written) ? Object.keys(written) : []) {
    if (known.includes(name)) continue;
    const nearest = findNearest(name, known);
    const advice = nearest === undefined ? `it may have ${known.join(", ")}` : `did you mean ${nearest}?`;
    fault(path, `have no "${name}"; ${advice}`);
  }
}

function readTree(path: string, written: unknown, fault: Fault): YamlTree {
  if (isTree(written)) return written;
  if (!isAbsent(written)) fault(path, "be a map", written);
  return {};
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}
