import type { Setting, Settings, SettingValues } from "../lib/setting.ts";
import type { Lookup } from "./lookup.ts";
import type { Report } from "./report.ts";

/** Reads each of the settings; one that is wrong is reported, and read as if it weren't there. */
export function readSettings<const S extends Settings>(settings: S, lookup: Lookup, report: Report): SettingValues<S> {
  const values = Object.entries(settings).map(([key, setting]): [string, unknown] => [
    key,
    readSetting(setting, lookup, report),
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each value was made by the very schema that its type is taken from
  return Object.fromEntries(values) as SettingValues<S>;
}

function readSetting(setting: Setting, lookup: Lookup, report: Report): unknown {
  const { schema, secret } = setting;
  if (secret) compareNames(setting, lookup, report);
  const given = lookup.find(setting);
  const result = schema.safeParse(given?.value);
  if (result.success) return result.data;
  const what = `${given?.name ?? setting.env} must be ${result.error.issues[0]?.message}`;
  report.fault(secret ? `${what}; its value isn't shown` : `${what}, not "${show(given?.value)}"`);
  return schema.parse(undefined);
}

/** Two names of one credential that say different things: whichever counted, half of those who use it would be refused. */
function compareNames(setting: Setting, lookup: Lookup, report: Report): void {
  const [first, ...others] = lookup.findVariables(setting);
  const other = others.find(({ value }) => String(value).trim() !== String(first?.value).trim());
  if (first === undefined || other === undefined) return;
  report.fault(`${first.name} and ${other.name} are one credential under two names and must be equal; set one of them`);
}

/** A value as a message shows it: one short line, without what a URL may hide. */
function show(value: unknown): string {
  const written = typeof value === "string" ? value : JSON.stringify(value);
  const harmless = written
    .replace(/\/\/[^/?#]*@/g, "//***@")
    .replace(/\?.*$/s, "?***")
    .replace(/\p{Cc}+/gu, " ");
  return harmless.length > 80 ? `${harmless.slice(0, 80)}…` : harmless;
}
