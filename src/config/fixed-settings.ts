import type { Setting } from "../lib/setting.ts";
import { accessSettings } from "./access-settings.ts";
import { budgetSettings } from "./budget-settings.ts";
import { cacheSettings } from "./cache-settings.ts";
import { auditSettings, managementSettings, storageSettings } from "./control-settings.ts";
import { gatewaySettings } from "./gateway-settings.ts";
import { lifecycleSettings } from "./lifecycle-settings.ts";
import { limitSettings } from "./limit-settings.ts";
import { listenSettings } from "./listen-settings.ts";
import { logSettings } from "./log-settings.ts";
import type { Lookup, SettingNames } from "./lookup.ts";
import { redisSettings } from "./redis-settings.ts";
import { telemetrySettings } from "./telemetry-settings.ts";

const { trustedProxies: _proxies, ...listening } = listenSettings;
const { level: _level, ...logging } = logSettings;

/** What holds until the end of a process: addresses, files, threads, and bounds of what is open already. */
const fixedSettings: readonly (Setting & { readonly env: string })[] = [
  ...Object.values(listening),
  accessSettings.managementToken,
  gatewaySettings.maxWsMessageBytes,
  telemetrySettings.enabled,
  telemetrySettings.captureQueueBytes,
  telemetrySettings.captureQueueCount,
  telemetrySettings.durability,
  telemetrySettings.strictTimeoutMs,
  telemetrySettings.outboxBackend,
  telemetrySettings.outboxFlushMs,
  ...Object.values(logging),
  ...Object.values(storageSettings),
  ...Object.values(auditSettings),
  ...Object.values(managementSettings),
  limitSettings.backend,
  limitSettings.onFailure,
  limitSettings.distributedFallback,
  ...Object.values(redisSettings),
  budgetSettings.onFailure,
  budgetSettings.webhookUrl,
  budgetSettings.webhookSecret,
  cacheSettings.enabled,
  cacheSettings.backend,
  cacheSettings.redisUrl,
  cacheSettings.keyPrefix,
  cacheSettings.maxBytes,
  lifecycleSettings.workers,
];

const fixedNames: ReadonlySet<string | undefined> = new Set(fixedSettings.map(({ env }) => env));

/** Whether a setting holds until the end of a process. */
export function isFixed({ env }: SettingNames): boolean {
  return fixedNames.has(env);
}

/** Finds what holds until the end of a process as it was at its start, and everything else as it is now. */
export function holdFixed(now: Lookup, start: Lookup): Lookup {
  const lookupOf = (names: SettingNames) => (isFixed(names) ? start : now);
  return {
    ...now,
    find: (names) => lookupOf(names).find(names),
    findVariables: (names) => lookupOf(names).findVariables(names),
  };
}

/** The settings that hold until the end of a process and now say something else than at its start. */
export function nameHeld(now: Lookup, start: Lookup): readonly string[] {
  const changed = fixedSettings.filter((setting) => {
    const read = (lookup: Lookup) => JSON.stringify(setting.schema.safeParse(lookup.find(setting)?.value).data);
    return read(now) !== read(start);
  });
  return changed.map(({ env }) => env);
}
