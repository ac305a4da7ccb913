import { z } from "@hono/zod-openapi";

/** Schemas of what clients write. Each message completes the sentence `<field> …`. */

/** Text on one line that isn't blank, without spaces around it. */
export function line(max: number) {
  return z
    .string()
    .trim()
    .min(1, "must not be empty")
    .max(max, `must have ${max} characters at most`)
    .refine(isLine, "must be one line of text, without control characters");
}

/** A whole number; the same in quotes is refused with how it is written. */
export function wholeNumber() {
  return z.int({
    error: ({ input }) =>
      typeof input === "string"
        ? "must be a whole number such as 1000, without quotes"
        : "must be a whole number, 2^53-1 at most",
  });
}

/** A list that says something; who wants no rule sends null. */
export function rules<T extends z.ZodType>(item: T, max: number) {
  return z.array(item).min(1, "must not be empty; null is no rule").max(max, `must have ${max} entries at most`);
}

/** A map with a bounded number of entries. */
export function entries<V extends z.ZodType>(value: V, max: number) {
  return z.record(line(100), value).refine((map) => Object.keys(map).length <= max, `must have ${max} entries at most`);
}

/** Whether a text is one line that every database can hold. */
function isLine(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(text);
}

/** JSON text of metadata at most. Characters. */
const longestMetadata = 16_384;

/** Anything by name. */
export const metadataField = entries(z.unknown(), 50)
  .refine((map) => JSON.stringify(map).length <= longestMetadata, `must have ${longestMetadata} characters at most`)
  .refine((map) => isStorable(JSON.stringify(map)), "must be text, without NUL characters")
  .openapi({
    description: "Anything of your own by name, 50 entries and 16 KB at most; it replaces what was there.",
    example: { team: "search" },
  });

/** Whether every database can hold it. */
function isStorable(json: string): boolean {
  return json.isWellFormed() && !json.includes("\\u0000") && !/\\ud[89a-f]/i.test(json);
}

/** A time in answers. */
export const timeAnswer = z.string().openapi({ format: "date-time", example: "2026-03-01T12:00:00.000Z" });

/** A time as it is answered; null where there is none. */
export function writeTime(at: number): string;
export function writeTime(at: number | undefined): string | null;
export function writeTime(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}

/** A time that a client wrote: RFC 3339, with its zone. */
export const timeField = z.iso
  .datetime({ offset: true, error: "must be a time with its zone, such as 2026-03-01T12:00:00Z" })
  .openapi({ example: "2026-03-01T12:00:00Z" });

/** The id in a path; one that can't be is simply not found. */
export const idParams = z.object({
  id: z.string().openapi({ param: { name: "id", in: "path" }, format: "uuid", description: "Its id." }),
});

/** An id as it is stored, or `undefined` for what never was one. */
export function readId(text: string): string | undefined {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : undefined;
}
