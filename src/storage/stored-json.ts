/** A column's text: JSON of a `T`, which only this program writes. */
export type Stored<T> = string & { readonly holds?: T };

/** Reads what a column holds. */
export function readStored<T>(text: Stored<T>): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(text) as T;
}
