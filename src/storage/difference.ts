import type { AuditEvent } from "../domain/audit.ts";

type Shown = Readonly<Record<string, unknown>>;

/** What is different between two states of a thing, for the audit. */
export function difference(before: Shown, after: Shown): Pick<AuditEvent, "before" | "after"> {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  const pick = (state: Shown) => Object.fromEntries(names.map((name) => [name, state[name]]));
  return { before: pick(before), after: pick(after) };
}
