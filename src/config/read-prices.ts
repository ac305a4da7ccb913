import { join } from "node:path";
import { type OwnPrice, type OwnPrices, type OwnRates, ownRateNames } from "../domain/own-prices.ts";
import { readDecimal } from "../lib/decimal.ts";
import type { PricesConfig } from "./config.ts";
import { isTree, type Lookup } from "./lookup.ts";
import { nameOneOf } from "./name-one-of.ts";
import { findNearest } from "./nearest.ts";
import { priceSettings } from "./price-settings.ts";
import { readSettings } from "./read-settings.ts";
import type { Report } from "./report.ts";
import type { YamlTree } from "./yaml-file.ts";

/** What prices are read from. */
export type PriceSources = {
  readonly lookup: Lookup;
  readonly dataDir: string;
  /** The configuration file's name, for messages. */
  readonly file: string;
  readonly providers: readonly string[];
};

/** Reads an operator's prices, and tells everything that is wrong with them, each with its file and its place in it. */
export function readPrices({ lookup, dataDir, file, providers }: PriceSources, report: Report): PricesConfig {
  const { models, aliases, unpriced } = readSettings(priceSettings, lookup, report);
  const teller = createTeller(file, report);
  const own: OwnPrices = {
    models: readMap(priceSettings.models.yaml, models, teller, (value, path) =>
      readModel(path, value, { teller, providers }),
    ),
    aliases: readMap(priceSettings.aliases.yaml, aliases, teller, (value, path) =>
      readAlias(path, value, aliases, teller),
    ),
  };
  return { own, unpriced, file: join(dataDir, "prices.json") };
}

/** Tells that what is at a path must be something else. */
type Teller = {
  readonly fault: (path: string, expected: string, value?: unknown) => undefined;
  readonly warn: (path: string, expected: string) => void;
};

function createTeller(file: string, report: Report): Teller {
  return {
    fault(path, expected, value) {
      const found = value === undefined ? "" : `, not ${JSON.stringify(value).slice(0, 80)}`;
      report.fault(`${path} in ${file} must ${expected}${found}`);
      return undefined;
    },
    warn: (path, expected) => report.warn(`${path} in ${file} should ${expected}`),
  };
}

function readMap<T>(
  path: string,
  value: unknown,
  { fault }: Teller,
  read: (value: unknown, path: string) => T | undefined,
): Readonly<Record<string, T>> {
  if (isAbsent(value)) return {};
  if (!isTree(value)) return fault(path, "be a map from names of models", value) ?? {};
  const entries = Object.entries(value).map(([name, entry]) => [name, read(entry, `${path}.${name}`)] as const);
  return Object.fromEntries(entries.flatMap(([name, entry]) => (entry === undefined ? [] : [[name, entry]])));
}

function readAlias(path: string, value: unknown, aliases: unknown, { fault }: Teller): string | undefined {
  const name = readText(value)?.trim();
  if (name === undefined || name === "") return fault(path, "be the name of a model that has a price", value);
  if (isTree(aliases) && Object.hasOwn(aliases, name)) return fault(path, "name a model and not another alias", value);
  return name;
}

type Row = { readonly teller: Teller; readonly providers: readonly string[] };

function readModel(path: string, value: unknown, row: Row): readonly OwnPrice[] | undefined {
  if (!Array.isArray(value)) return toList(readPrice(path, value, row));
  const prices = value.flatMap((each, at) => toList(readPrice(`${path}[${at}]`, each, row)));
  const starts = prices.map(({ provider = "", from = "" }) => `${provider} ${from}`);
  if (new Set(starts).size === starts.length && prices.length > 0) return prices;
  return row.teller.fault(path, "have a row for each day on which its price changes, told apart by from or provider");
}

function readPrice(path: string, value: unknown, { teller, providers }: Row): OwnPrice | undefined {
  const { fault, warn } = teller;
  if (!isTree(value)) return fault(path, "be a map such as { input: 0.95, output: 4 }", value);
  checkNames(path, value, ["provider", "from", "tiers", ...ownRateNames], teller);
  const rates = readRates(path, value, teller);
  if (ownRateNames.every((name) => isAbsent(value[name])))
    fault(path, `have a price: one of ${ownRateNames.join(", ")}`);
  const provider = isAbsent(value["provider"]) ? undefined : readText(value["provider"]);
  if (provider === undefined && !isAbsent(value["provider"]))
    fault(`${path}.provider`, "be a provider's name", value["provider"]);
  if (provider !== undefined && !providers.includes(provider)) warn(`${path}.provider`, nameOneOf(providers, provider));
  const from = isAbsent(value["from"]) ? undefined : readDay(`${path}.from`, value["from"], teller);
  const tiers = isAbsent(value["tiers"]) ? undefined : readTiers(`${path}.tiers`, value["tiers"], { rates, teller });
  return {
    ...(provider === undefined ? {} : { provider }),
    ...(from === undefined ? {} : { from }),
    ...rates,
    ...(tiers === undefined ? {} : { tiers }),
  };
}

function readRates(path: string, tree: YamlTree, { fault }: Teller): OwnRates {
  const read = ownRateNames.flatMap((name) => {
    const value = tree[name];
    if (isAbsent(value)) return [];
    const written = readText(value);
    if (written !== undefined && readDecimal(written) !== undefined) return [[name, written.trim()] as const];
    fault(`${path}.${name}`, "be USD per million, such as 0.95", value);
    return [];
  });
  return Object.fromEntries(read);
}

function readTiers(
  path: string,
  value: unknown,
  { rates, teller }: { readonly rates: OwnRates; readonly teller: Teller },
): OwnPrice["tiers"] {
  if (!Array.isArray(value)) return teller.fault(path, "be a list such as [{ above: 200000, input: 2.5 }]", value);
  return value.flatMap((tier: unknown, at) => toList(readTier(`${path}[${at}]`, tier, { rates, teller })));
}

function readTier(
  path: string,
  value: unknown,
  { rates, teller }: { readonly rates: OwnRates; readonly teller: Teller },
): (OwnRates & { readonly above: number }) | undefined {
  if (!isTree(value)) return teller.fault(path, "be a map such as { above: 200000, input: 2.5 }", value);
  checkNames(path, value, ["above", ...ownRateNames], teller);
  const above = readText(value["above"]) ?? "";
  if (!/^[1-9]\d{0,11}$/.test(above))
    return teller.fault(`${path}.above`, "be a number of LLM tokens, such as 200000", value["above"] ?? "");
  const prices = readRates(path, value, teller);
  const alone = ownRateNames.find((name) => prices[name] !== undefined && rates[name] === undefined);
  if (alone !== undefined)
    teller.fault(`${path}.${alone}`, "stand beside the row's own price for it, which holds below");
  return { above: Number(above), ...prices };
}

function readDay(path: string, value: unknown, { fault }: Teller): string | undefined {
  const day = readText(value) ?? "";
  const time = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(day) : Number.NaN;
  if (!Number.isNaN(time) && new Date(time).toISOString().startsWith(day)) return day;
  return fault(path, "be a day such as 2026-01-31", value);
}

function checkNames(path: string, tree: YamlTree, known: readonly string[], { fault }: Teller): void {
  for (const name of Object.keys(tree)) {
    if (known.includes(name)) continue;
    const nearest = findNearest(name, known);
    fault(
      path,
      `have no "${name}"; ${nearest === undefined ? `it may have ${known.join(", ")}` : `did you mean ${nearest}?`}`,
    );
  }
}

function isAbsent(value: unknown): value is "" | null | undefined {
  return value === undefined || value === null || (typeof value === "string" && value.trim() === "");
}

function readText(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

function toList<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}
