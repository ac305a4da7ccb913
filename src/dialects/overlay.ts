import type { JsonObject } from "./json.ts";

/** Lays a later object over an earlier one; what the later one leaves out or gives as `null` stays. */
export function overlay(earlier: JsonObject | undefined, later: JsonObject | undefined): JsonObject | undefined {
  if (later === undefined) return earlier;
  const said = Object.entries(later).filter(([, value]) => value !== null && value !== undefined);
  return { ...earlier, ...Object.fromEntries(said) };
}
