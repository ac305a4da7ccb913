import type { Setting } from "../lib/setting.ts";
import { changeProvider, createCustomProvider, type Families, providerSettings } from "../providers/custom.ts";
import { policySettings } from "../providers/policy-settings.ts";
import type { Provider, ProviderDefinition } from "../providers/provider.ts";
import { isTree, type Lookup } from "./lookup.ts";
import { checkOldApi } from "./old-apis.ts";
import { builtInSettings } from "./provider-settings.ts";
import { readSettings } from "./read-settings.ts";
import type { Report } from "./report.ts";
import type { YamlTree } from "./yaml-file.ts";

/** What providers are read from. */
export type ProviderSources = {
  readonly definitions: readonly ProviderDefinition[];
  readonly families: Families;
  readonly lookup: Lookup;
  readonly yaml: YamlTree;
  /** What holds for providers that say nothing themselves. */
  readonly streamUsage: Provider["streamUsage"];
};

/** A provider, under which name its operator says where it is, and under which what pays for calls, if anything does. */
export type NamedProvider = { readonly provider: Provider; readonly urlName: string; readonly paysBy?: string };

/** First segments of paths that are routes themselves. */
const reservedNames = new Set([
  "v1",
  "v1beta",
  "v1alpha",
  "api",
  "manage",
  "admin",
  "health",
  "ready",
  "live",
  "metrics",
  "upload",
  "ws",
]);

/** Reads the built-in providers, changed as the operator says, and then those that the file adds. */
export function readProviders(sources: ProviderSources, report: Report): readonly NamedProvider[] {
  const { definitions, yaml } = sources;
  const builtIn = new Set(definitions.map(({ name }) => name));
  const named = new Set([...Object.keys(readSection(yaml, "providers")), ...Object.keys(readSection(yaml, "apis"))]);
  const added = [...named].filter((name) => !builtIn.has(name));
  for (const name of named) checkEntry(name, yaml, report);
  return [
    ...definitions.map((definition) => readBuiltIn(definition, sources, report)),
    ...added.flatMap((name) => readAdded(name, sources, report) ?? []),
  ];
}

function readBuiltIn(
  definition: ProviderDefinition,
  { lookup, yaml, streamUsage }: ProviderSources,
  report: Report,
): NamedProvider {
  const { name, family } = definition;
  const settings = builtInSettings(definition, sectionOf(name, yaml));
  const values = readSettings(settings, lookup, report);
  if (values.dialect !== undefined && values.dialect !== family) {
    report.fault(`providers.${name}.dialect must be ${family}; add a provider of another name for another API`);
  }
  const own = { ...values, streamUsage: values.streamUsage ?? weaker(streamUsage, definition) };
  return withNames(changeProvider(definition, own), settings, lookup);
}

function readAdded(
  name: string,
  { families, lookup, yaml, streamUsage }: ProviderSources,
  report: Report,
): NamedProvider | undefined {
  const section = sectionOf(name, yaml);
  checkName(name, section, report);
  const settings = providerSettings(name, section);
  const values = readSettings(settings, lookup, report);
  const { baseUrl } = values;
  const dialect = section === "apis" ? "openai" : values.dialect;
  for (const needed of section === "apis" ? [settings.baseUrl] : [settings.baseUrl, settings.dialect]) {
    if (lookup.find(needed) === undefined) report.fault(`${needed.yaml} must be set. ${needed.help}`);
  }
  if (baseUrl === undefined || dialect === undefined) return undefined;
  const own = {
    ...values,
    baseUrl,
    dialect,
    streamUsage: values.streamUsage ?? weaker(streamUsage, families[dialect]),
  };
  return withNames(createCustomProvider(name, own, families), settings, lookup);
}

function withNames(
  provider: Provider,
  settings: Readonly<Record<"baseUrl" | "key" | "headers" | "query", Setting>>,
  lookup: Lookup,
): NamedProvider {
  const nameOf = (setting: Setting) => lookup.find(setting)?.name ?? setting.env ?? setting.yaml ?? "";
  const { key, headers = {}, query = {} } = provider;
  const isCredential = (name: string) => /authorization|cookie|key|secret|token/i.test(name);
  const urlName = nameOf(settings.baseUrl);
  if (key !== undefined) return { provider, urlName, paysBy: nameOf(settings.key) };
  if (Object.keys(headers).some(isCredential)) return { provider, urlName, paysBy: nameOf(settings.headers) };
  if (Object.keys(query).some(isCredential)) return { provider, urlName, paysBy: nameOf(settings.query) };
  return { provider, urlName };
}

/** `off` wherever one of both says so. */
function weaker(general: Provider["streamUsage"], { streamUsage }: Pick<ProviderDefinition, "streamUsage">) {
  return general === "off" ? general : streamUsage;
}

/** Where the file speaks of providers: `apis` is the old one. */
type Section = "providers" | "apis";

function readSection(yaml: YamlTree, section: Section): YamlTree {
  return isTree(yaml[section]) ? yaml[section] : {};
}

function sectionOf(name: string, yaml: YamlTree): Section {
  return Object.hasOwn(readSection(yaml, "apis"), name) ? "apis" : "providers";
}

function checkEntry(name: string, yaml: YamlTree, report: Report): void {
  const section = sectionOf(name, yaml);
  const entry = readSection(yaml, section)[name];
  const path = `${section}.${name}`;
  const tree = isTree(entry) ? entry : {};
  if (section === "apis") {
    checkOldApi(path, tree, report);
    if (Object.hasOwn(readSection(yaml, "providers"), name))
      report.fault(`${path} must not stand beside providers.${name}, which is the same provider; keep one of them`);
  }
  checkRules(path, tree, report);
}

/** A rule without a word in it would count as not there, and allow everything. */
function checkRules(path: string, entry: YamlTree, report: Report): void {
  for (const { yaml } of Object.values(policySettings(path))) {
    const key = yaml.slice(path.length + 1);
    const rule = entry[key];
    const isEmpty = rule === null || (typeof rule === "string" && rule.trim() === "");
    if (Object.hasOwn(entry, key) && isEmpty)
      report.fault(`${yaml} must say what is allowed; leave it out to allow all`);
  }
}

function checkName(name: string, section: Section, report: Report): void {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) {
    report.fault(`${section}.${name} must have a name of small letters, digits and -, such as "my-provider"`);
  } else if (reservedNames.has(name)) {
    report.fault(`${section}.${name} must have another name: /${name} is a path of its own`);
  }
}
