/** A JSON object whose members are yet to be doubted. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The value where it is an object (no array, no `null`). */
export function object(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

/** The value where it is an array, else an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The objects of an array; what is no object, or no array, is left out. */
export function objects(value: unknown): readonly JsonObject[] {
  return list(value).filter(isObject);
}

/** The value where it is text that says something. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** No one exchange has more of anything, and thousands of such together are still exact. */
const mostCounted = 2 ** 40;

/** The value where it is a number that can be counted with: not negative, and not so large that sums of it mean nothing. */
export function count(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 && value <= mostCounted ? value : undefined;
}

/** The object without its `undefined` members, so that absent stays absent in a record. */
export function present<T extends object>(members: T): Partial<T> {
  const kept: Partial<T> = { ...members };
  for (const key in kept) if (kept[key] === undefined) delete kept[key];
  return kept;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
