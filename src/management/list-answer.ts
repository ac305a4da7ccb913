import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Paged } from "../storage/page.ts";

/** Where the next page of a list begins. */
export const nextCursor = z
  .string()
  .nullable()
  .openapi({ description: "Send it as `cursor` for the next page; null on the last.", example: null });

/** Answers with a list, or with its bare array for who asks for that. */
export function answerList<List extends { readonly next_cursor: string | null }>(
  c: Context,
  format: "array" | "object" | undefined,
  items: readonly unknown[],
  list: List,
) {
  // Only a client that asks for the bare array gets it, in place of what the type says.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return c.json((format === "array" ? items : list) as List, 200);
}

/** The cursor of the page after this one. */
export function cursorOf({ next }: Pick<Paged<unknown>, "next">): string | null {
  return next ?? null;
}
