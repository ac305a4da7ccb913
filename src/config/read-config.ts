import type { Setting } from "../lib/setting.ts";
import { checkNames } from "./check-names.ts";
import type { Config } from "./config.ts";
import { readDotenv } from "./dotenv.ts";
import { hasBounds } from "../domain/limits.ts";
import { holdFixed, nameHeld } from "./fixed-settings.ts";
import { lifecycleSettings } from "./lifecycle-settings.ts";
import { metricsSettings } from "./log-settings.ts";
import { createLookup, type Lookup, type Texts } from "./lookup.ts";
import { readBudgets } from "./read-budgets.ts";
import { readCache } from "./read-cache.ts";
import { readControl } from "./read-control.ts";
import { readFile } from "./read-file.ts";
import { readGateway } from "./read-gateway.ts";
import { readLimits } from "./read-limits.ts";
import { readListen } from "./read-listen.ts";
import { readLog } from "./read-log.ts";
import { readPrices } from "./read-prices.ts";
import { readRedis } from "./read-redis.ts";
import { readSettings } from "./read-settings.ts";
import { readTelemetry } from "./read-telemetry.ts";
import { type Registry, registry as everything } from "./registry.ts";
import { createReport, type Report } from "./report.ts";
import { listTopics } from "./topics.ts";
import { checkKeys } from "./unknown-keys.ts";
import type { YamlTree } from "./yaml-file.ts";

/** A file's text, and where it lies, for messages. */
export type ConfigFile = { readonly path: string; readonly text: string };

/** Everything that a configuration is read from; nothing else is looked at. */
export type ConfigSources = {
  /** Command-line options by their full name, `--log-level`. */
  readonly flags?: Texts;
  readonly env?: Texts;
  readonly files?: { readonly dotenv?: ConfigFile | undefined; readonly yaml?: ConfigFile | undefined };
  /** What a command sets where its operator says nothing, by variable: `{ DATA_DIR: "/home/me/.local/share/weir" }`. */
  readonly defaults?: Texts;
  /** Whether a person reads the log lines. */
  readonly terminal?: boolean;
  /** The processors of this machine, for `WEIR_WORKERS=auto`. */
  readonly processors?: number;
  /** The names and addresses of this machine, for telling an upstream that is the gateway itself. */
  readonly machine?: readonly string[];
  /** What the process was started with that reads this while it runs: settings that hold until its end are read there. */
  readonly start?: ConfigSources | undefined;
  /** Whether a gateway is to run with it; a command beside one has nothing against an upstream that is the gateway itself. */
  readonly serves?: boolean;
};

/** A configuration that can be run, with what its operator should know; or all that is wrong with it, each a sentence. */
export type ConfigResult =
  | {
      readonly kind: "ok";
      readonly config: Config;
      readonly warnings: readonly string[];
      /** The settings that are not read here but at the next start. */
      readonly held: readonly string[];
      /** What it was read from, for who describes it. */
      readonly sources: ConfigSources;
    }
  | {
      readonly kind: "faults";
      readonly faults: readonly string[];
      readonly warnings: readonly string[];
      readonly held?: readonly string[];
    };

/** Reads and checks a configuration as a whole: flags over environment over `.env` over the YAML file over defaults. */
export function readConfig(sources: ConfigSources, registry: Registry = everything): ConfigResult {
  const report = createReport();
  const { faults, warnings } = report;
  const { lookup, yaml } = readSources(sources, registry, report);
  // The next start is to find nothing wrong either.
  const next = read({ ...sources, lookup, yaml }, registry, report);
  const start = sources.start && readSources(sources.start, registry, createReport()).lookup;
  const config = start ? read({ ...sources, lookup: holdFixed(lookup, start), yaml }, registry, report) : next;
  const held = start ? nameHeld(lookup, start) : [];
  return faults.length > 0
    ? { kind: "faults", faults, warnings, held }
    : { kind: "ok", config, warnings, held, sources };
}

type ReadSources = { readonly lookup: Lookup; readonly yaml: YamlTree };

function read(sources: ConfigSources & ReadSources, registry: Registry, report: Report): Config {
  const { terminal = false, processors = 1, serves = true, machine, lookup, yaml } = sources;
  const { trustedProxies, dataDir, ...address } = readListen(lookup, report);
  const { token, ...metrics } = readSettings(metricsSettings, lookup, report);
  const { workers, ...lifecycle } = readSettings(lifecycleSettings, lookup, report);
  const gateway = readGateway({ lookup, yaml, registry, serves, machine }, address, report);
  const control = readControl(lookup, dataDir, report);
  const redis = readRedis(lookup, report);
  const file = sources.files?.yaml?.path ?? "weir.yaml";
  const providers = gateway.providers.map(({ name }) => name);
  const limits = readLimits({ lookup, file, redis, providers }, report);
  const processes = workers === "auto" ? processors : workers;
  const isOneOfMany = processes > 1 || control.database.driver === "postgres";
  if (isOneOfMany && limits.backend === "memory" && hasBounds(limits.rules))
    report.warn("Each process counts rate limits by itself: set REDIS_URL to have them counted together");
  return {
    ...address,
    dataDir,
    gateway,
    telemetry: readTelemetry({ lookup, registry, dataDir, database: control.database }, report),
    log: readLog(lookup, terminal, report),
    lifecycle: { ...lifecycle, workers: processes },
    metrics: token === undefined ? metrics : { ...metrics, token },
    trustedProxies,
    control,
    redis,
    limits,
    budgets: readBudgets(lookup, file, report),
    cache: readCache(lookup, redis?.url, report),
    prices: readPrices({ lookup, dataDir, file, providers }, report),
  };
}

/** Reads the files, and looks at every name in them and in the environment. */
function readSources(
  { flags, env = {}, files = {}, defaults }: ConfigSources,
  registry: Registry,
  report: Report,
): ReadSources {
  const { variables: dotenv, badLines } = readDotenv(files.dotenv?.text ?? "");
  for (const line of badLines)
    report.warn(`${files.dotenv?.path} is passed over at line ${line}, which is not NAME=value`);
  const { findVariable } = createLookup({ env, dotenv });
  const yaml = files.yaml === undefined ? {} : readFile(files.yaml, findVariable, report);
  const lookup = createLookup({ flags, env, dotenv, yaml, defaults });
  const settings = listTopics(registry).flatMap((topic): readonly Setting[] => Object.values(topic.settings));
  checkKeys(
    yaml,
    settings.flatMap((setting) => setting.yaml ?? []),
    report,
  );
  const known = new Set(
    settings.flatMap(({ env: name, aliases = [] }) => (name === undefined ? aliases : [name, ...aliases])),
  );
  checkNames(Object.keys({ ...env, ...dotenv }), known, lookup, report);
  return { lookup, yaml };
}
