import { join } from "node:path";
import type { SettingValues } from "../lib/setting.ts";
import type { SinkDefinition } from "../sinks/sink.ts";
import type { SinkChoice } from "./config.ts";
import type { Lookup } from "./lookup.ts";
import { findNearest } from "./nearest.ts";
import { readSettings } from "./read-settings.ts";
import type { Report } from "./report.ts";
import { sinkSettings } from "./sink-settings.ts";
import { telemetrySettings } from "./telemetry-settings.ts";

/** What the sinks of this process are read from. */
export type SinkSources = {
  readonly definitions: readonly SinkDefinition[];
  readonly lookup: Lookup;
  readonly dataDir: string;
  readonly telemetry: Pick<SettingValues<typeof telemetrySettings>, "enabled" | "sinks" | "exchangeLog">;
};

type Candidate = { readonly definition: SinkDefinition; readonly choice: SinkChoice; readonly configured: boolean };

/** Reads every sink's settings, and chooses those that run here: the named ones, else all that are configured, with a local file where `store` is the only one. */
export function readSinks(sources: SinkSources, report: Report): readonly SinkChoice[] {
  const { definitions, lookup, telemetry } = sources;
  const candidates = definitions.map((definition) => readSink(definition, lookup, report));
  const chosen =
    telemetry.sinks === undefined
      ? candidates.filter(({ configured }) => configured).map(({ choice }) => choice)
      : telemetry.sinks.flatMap((name) => findNamed(name, candidates, sources, report) ?? []);
  if (!telemetry.enabled) return [];
  const { exchangeLog = "full" } = telemetry;
  const store = chosen.filter(isStore).map((choice) => keepAtMost(exchangeLog, choice));
  const others = chosen.filter((choice) => !isStore(choice));
  if (others.length > 0 || telemetry.sinks !== undefined) {
    const given = lookup.find(telemetrySettings.exchangeLog);
    if (given !== undefined && store.length === 0)
      report.warn(`${given.name} changes nothing, because SINKS leaves out store`);
    return [...others, ...store];
  }
  if (exchangeLog === "off") {
    report.warn("No sink is configured and EXCHANGE_LOG=off: exchanges are recorded nowhere, and only summed up");
    return store;
  }
  const log = findLocalLog(sources, report);
  return log === undefined ? store : [keepAtMost(exchangeLog, log), ...store];
}

function isStore({ name }: SinkChoice): boolean {
  return name === "store";
}

/** From all to nothing. */
const levels = ["full", "metadata", "off"] as const;

/** A sink that gets no more of each exchange than this. */
function keepAtMost(level: SinkChoice["bodies"], choice: SinkChoice): SinkChoice {
  return levels.indexOf(level) > levels.indexOf(choice.bodies) ? { ...choice, bodies: level } : choice;
}

function readSink(definition: SinkDefinition, lookup: Lookup, report: Report): Candidate {
  const faultsBefore = report.faults.length;
  const values = readSettings(definition.settings, lookup, report);
  // Values that are wrong by themselves would only be called wrong together too.
  const fault = report.faults.length === faultsBefore ? definition.fault?.(values) : undefined;
  if (fault !== undefined) report.fault(fault);
  const { bodies, sample } = readSettings(sinkSettings(definition.name), lookup, report);
  return {
    definition,
    choice: { name: definition.name, values, bodies, sample },
    configured: definition.enabled(values),
  };
}

function findNamed(
  name: string,
  candidates: readonly Candidate[],
  sources: SinkSources,
  report: Report,
): SinkChoice | undefined {
  const found = candidates.find(({ definition }) => definition.name === name);
  if (found?.configured) return found.choice;
  if (found === undefined) {
    const names = candidates.map(({ definition }) => definition.name);
    const nearest = findNearest(name, names);
    report.fault(
      `SINKS must be a list of ${names.join(", ")}, not "${name}"${nearest === undefined ? "" : `; did you mean ${nearest}?`}`,
    );
    return undefined;
  }
  if (name === "file") return findLocalLog(sources, report);
  const needed = Object.values(found.definition.settings).flatMap(({ env, default: unset }) =>
    unset === undefined && env ? [env] : [],
  );
  report.fault(`SINKS names ${name}, which is not configured; its settings are ${needed.join(", ")}`);
  return undefined;
}

/** The `file` sink where nobody said to which file. */
function findLocalLog({ definitions, lookup, dataDir }: SinkSources, report: Report): SinkChoice | undefined {
  const definition = definitions.find(({ name }) => name === "file");
  if (definition === undefined) return undefined;
  const path = { name: "DATA_DIR", value: join(dataDir, "exchanges.jsonl") };
  const find: Lookup["find"] = (names) => lookup.find(names) ?? (names.env === "FILE_EVENT_LOG" ? path : undefined);
  return readSink(definition, { ...lookup, find }, report).choice;
}
