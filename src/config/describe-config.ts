import type { Setting, Settings } from "../lib/setting.ts";
import { providerSettings } from "../providers/custom.ts";
import { readDotenv } from "./dotenv.ts";
import { isFixed } from "./fixed-settings.ts";
import { createLookup, isTree, type Lookup } from "./lookup.ts";
import { builtInSettings } from "./provider-settings.ts";
import type { ConfigSources } from "./read-config.ts";
import { readFile } from "./read-file.ts";
import { type Registry, registry as everything } from "./registry.ts";
import { createReport } from "./report.ts";
import { listTopics } from "./topics.ts";
import type { YamlTree } from "./yaml-file.ts";

/** Where a setting's value came from. */
export type ConfigSource = "flag" | "environment" | ".env" | "file" | "default";

/** One setting as it is in effect. */
export type ConfigLine = {
  /** Its variable, or its place in the file where only that can say it. */
  readonly name: string;
  /** As it was written, or as the docs write its default; `set` in place of a secret, and `undefined` where nothing holds. */
  readonly value: string | undefined;
  readonly source: ConfigSource;
};

/** Describes the configuration that `readConfig` makes of the same sources, setting by setting, without a secret. */
export function describeConfig(sources: ConfigSources, registry: Registry = everything): readonly ConfigLine[] {
  const { lookups: now, yaml } = readSources(sources);
  const start = sources.start ? readSources(sources.start).lookups : now;
  return listSettings(registry, yaml).map((setting) => {
    const name = setting.env ?? setting.yaml ?? setting.flag ?? "";
    for (const [source, lookup] of isFixed(setting) ? start : now) {
      const given = lookup.find(setting);
      if (given) return { name, value: setting.secret ? "set" : show(given.value), source };
    }
    return { name, value: setting.default, source: "default" };
  });
}

/** What each source says by itself, the first that counts first; a command's own defaults are the last. */
function readSources({ flags, env, files = {}, defaults }: ConfigSources): {
  readonly lookups: readonly (readonly [ConfigSource, Lookup])[];
  readonly yaml: YamlTree;
} {
  const { variables: dotenv } = readDotenv(files.dotenv?.text ?? "");
  const { findVariable } = createLookup({ env, dotenv });
  // What is wrong with the file was told when the configuration was read.
  const yaml = files.yaml === undefined ? {} : readFile(files.yaml, findVariable, createReport());
  return {
    yaml,
    lookups: [
      ["flag", createLookup({ flags })],
      ["environment", createLookup({ env })],
      [".env", createLookup({ dotenv })],
      ["file", createLookup({ yaml })],
      ["default", createLookup({ defaults })],
    ],
  };
}

/** Every setting there is, those of each provider by its own name. */
function listSettings(registry: Registry, yaml: YamlTree): readonly Setting[] {
  const general = listTopics(registry).flatMap(({ settings }): readonly Setting[] => Object.values(settings));
  const builtIn = new Map(registry.providers.map((definition) => [definition.name, definition]));
  const names = new Set([...builtIn.keys(), ...keysOf(yaml["providers"]), ...keysOf(yaml["apis"])]);
  const ofProviders = [...names].flatMap((name): readonly Setting[] => {
    const section = keysOf(yaml["apis"]).includes(name) ? "apis" : "providers";
    const definition = builtIn.get(name);
    const settings: Settings = definition ? builtInSettings(definition, section) : providerSettings(name, section);
    return Object.values(settings);
  });
  const others = general.filter(({ yaml: path = "" }) => !/^(?:providers|apis)\./.test(path));
  return [...others, ...ofProviders];
}

function keysOf(tree: unknown): readonly string[] {
  return isTree(tree) ? Object.keys(tree) : [];
}

/** A value on one line, without what a URL may hide before its host. */
function show(value: unknown): string {
  const written = typeof value === "string" ? value : JSON.stringify(value);
  return written.replace(/\/\/[^/?#\s]*@/g, "//***@").replace(/\p{Cc}+/gu, " ");
}
