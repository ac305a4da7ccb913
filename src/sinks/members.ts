/** A JSON object whose members are yet to be doubted. */
export type Members = Readonly<Record<string, unknown>>;

/** Whether a JSON value is an object: no array, no `null`. */
export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
