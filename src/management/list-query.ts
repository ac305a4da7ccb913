import { z } from "@hono/zod-openapi";
import type { Page } from "../storage/page.ts";
import { queryFault } from "./fault.ts";
import { line, readId } from "./fields.ts";

const usualLimit = 20;
const maxLimit = 100;
const maxBare = 1000;
const maxPage = 1_000_000_000;

/** Text that is looked for. */
export function soughtText(description: string) {
  return line(512).optional().openapi({ description });
}

/** A choice of two. */
export function soughtFlag(description: string) {
  return z
    .enum(["true", "false", "1", "0"], "must be true or false")
    .optional()
    .openapi({ description, type: "string", enum: ["true", "false"] });
}

/** A time that is looked for. */
export function soughtTime(description: string) {
  return z
    .string()
    .refine(
      (text) => readTime(text) !== undefined,
      "must be a time with its zone, such as 2026-03-01T12:00:00Z (a + in a query is written %2B)",
    )
    .optional()
    .openapi({ description, format: "date-time" });
}

function wholeNumber(description: string) {
  return z.string().optional().openapi({ description, type: "integer" });
}

/** Which part of a list is wanted; every list takes these. */
export const pageQuery = {
  limit: wholeNumber(
    `How many at most, from 1 to ${maxLimit}; ${usualLimit} by default. Others are moved into that range.`,
  ),
  cursor: z
    .string()
    .refine((text) => readId(text) !== undefined, "must be the next_cursor of an earlier answer")
    .optional()
    .openapi({ description: "The `next_cursor` of the answer before." }),
  page: wholeNumber("The number of the page, from 1, in place of a cursor."),
  page_size: wholeNumber("`limit` by another name."),
  format: z
    .enum(["array", "object"], "must be array or object")
    .optional()
    .openapi({ description: `\`array\` answers with the bare array, of ${maxBare} at most.` }),
} as const;

/** What `pageQuery` reads as. */
export type PageQuery = { readonly [Name in keyof typeof pageQuery]?: z.output<(typeof pageQuery)[Name]> };

/** Reads which part is wanted; numbers out of range are moved into it, and what is no number counts for nothing. */
export function readPage(query: PageQuery): Page {
  const max = query.format === "array" ? maxBare : maxLimit;
  const usual = query.format === "array" ? maxBare : usualLimit;
  const limit = clamp(oneOf(query, "limit", "page_size"), usual, max);
  if (query.page === undefined) return { limit, after: query.cursor?.toLowerCase() };
  if (query.cursor !== undefined) throw queryFault("cursor and page can't be combined; send one of them");
  return { limit, offset: (clamp(query.page, 1, maxPage) - 1) * limit };
}

/** What stands under either of two names; both may, if they say the same. */
export function oneOf<const Name extends string>(
  query: { readonly [Key in Name]?: string | undefined },
  first: Name,
  second: Name,
): string | undefined {
  const [one, other] = [query[first], query[second]];
  if (one !== undefined && other !== undefined && one !== other)
    throw queryFault(`${first} and ${second} are two names of one thing and must be equal; send one of them`);
  return one ?? other;
}

/** Reads a choice. */
export function readFlag(text: string | undefined): boolean | undefined {
  return text === undefined ? undefined : text === "true" || text === "1";
}

/** Reads a time as milliseconds since the epoch. */
export function readTime(text: string): number | undefined {
  // In a query, a plus that isn't encoded arrives as a space.
  const written = text.replace(/ (?=\d\d:\d\d$)/, "+");
  if (!z.iso.datetime({ offset: true }).safeParse(written).success) return undefined;
  const at = Date.parse(written);
  return Number.isNaN(at) ? undefined : at;
}

/** Throws where a span of time would end before it begins; an end that isn't given is now, or none. */
export function checkSpan(from: number | undefined, to: number | undefined): void {
  if (from !== undefined && to !== undefined && from > to)
    throw queryFault("start_time must not be after end_time, or after now where there is none");
}

function clamp(written: string | undefined, usual: number, max: number): number {
  const number = Math.trunc(Number(written ?? usual));
  return Number.isNaN(number) ? usual : Math.min(Math.max(number, 1), max);
}
