/** Which part of a list is wanted. */
export type Page = {
  readonly limit: number;
  /** Only what comes after this one, by id: the `next` of the page before. */
  readonly after?: string | undefined;
  readonly offset?: number | undefined;
};

/** A part of a list, and where the next one begins; `next` is absent on the last. */
export type Paged<T> = { readonly items: readonly T[]; readonly next?: string };

/** Makes a page of one row more than was wanted, which tells whether there are others. */
export function toPaged<T extends { readonly id: string }>(rows: readonly T[], { limit }: Page): Paged<T> {
  if (rows.length <= limit) return { items: rows };
  const items = rows.slice(0, limit);
  const next = items.at(-1)?.id;
  return next === undefined ? { items } : { items, next };
}
