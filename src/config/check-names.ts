import type { Lookup } from "./lookup.ts";
import { editDistance } from "./nearest.ts";
import { replacedNames } from "./replaced-names.ts";
import type { Report } from "./report.ts";

/** Warns of variables that do nothing although their operator must think that they do: names of old, and names mistyped. */
export function checkNames(
  given: Iterable<string>,
  known: ReadonlySet<string>,
  { findVariable }: Lookup,
  report: Report,
): void {
  const idle = new Map(
    replacedNames.map(({ name, fate, note }) => [name, fate === "no effect" ? (note ?? "") : undefined]),
  );
  const refused = new Map(replacedNames.map(({ name, refused: values }) => [name, values]));
  for (const name of given) {
    const written = findVariable(name);
    if (written === undefined || known.has(name)) continue;
    const never = refused.get(name);
    if (never?.values.includes(written.trim().toLowerCase())) {
      report.fault(`${name} must not be "${written.trim()}", because ${never.why}. Leave it out`);
      continue;
    }
    const reason = idle.get(name);
    if (reason !== undefined) report.warn(`${name} has no effect here. ${reason.replaceAll("`", "")}`);
    const meant = findMeant(name, known);
    if (meant !== undefined) report.warn(`${name} is not a setting; did you mean ${meant}?`);
  }
}

/** The one setting that a name differs from by a letter or by underscores; short names are like too many others. */
function findMeant(name: string, known: ReadonlySet<string>): string | undefined {
  if (name.length < 9) return undefined;
  const bare = (spelt: string) => spelt.toUpperCase().replaceAll("_", "");
  const isNear = (one: string, other: string) =>
    Math.abs(one.length - other.length) <= 1 && editDistance(one, other) <= 1;
  return known.values().find((candidate) => candidate.length >= 9 && isNear(bare(name), bare(candidate)));
}
