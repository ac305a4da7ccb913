import { z } from "@hono/zod-openapi";
import { bodyFault } from "./fault.ts";
import { timeField } from "./fields.ts";

const minute = 60_000;
const longestMs = 365 * 24 * 60 * minute;
const units: Readonly<Record<string, number>> = {
  s: 1000,
  m: minute,
  h: 60 * minute,
  d: 1440 * minute,
  w: 10_080 * minute,
};

/** The ways to say until when a token lives. */
export const expiryFields = {
  duration_minutes: z
    .int("must be a whole number of minutes")
    .min(1, "must be at least 1")
    .max(
      longestMs / minute,
      "exceeds the maximum: duration_minutes exceeds maximum allowed (525600, which is 365 days)",
    )
    .optional()
    .openapi({ description: "How long from now on, in minutes; 365 days at most.", example: 60 }),
  duration: z
    .string()
    .regex(/^(?:\d{1,9}[smhdw])+$/, 'must be a duration with units, such as "24h", "30m" or "7d"')
    .refine((text) => readDuration(text) >= 1000 && readDuration(text) <= longestMs, "must be from 1s to 365d")
    .optional()
    .openapi({ description: "How long from now on: `24h`, `30m`, `7d`, `1h30m`; 365 days at most.", example: "24h" }),
  expires_at: timeField
    .optional()
    .openapi({ description: "Until when, 365 days from now at most.", example: "2026-12-31T23:59:59Z" }),
  never_expires: z.boolean().optional().openapi({ description: "true: it lives until it is revoked." }),
} as const;

/** What `expiryFields` reads as. */
export type ExpiryFields = { readonly [Name in keyof typeof expiryFields]?: z.output<(typeof expiryFields)[Name]> };

/**
 * Reads until when a token lives, in milliseconds since the epoch: null is for ever, `undefined` where nothing says it.
 * Throws a `ManagementFault` where two ways do, or where it is too far off.
 */
export function readExpiry(fields: ExpiryFields, now: number): number | null | undefined {
  const said = (["duration_minutes", "duration", "expires_at", "never_expires"] as const).filter(
    (name) => fields[name] !== undefined && fields[name] !== false,
  );
  if (said.length > 1) throw bodyFault(`${said.join(" and ")} say the same thing in several ways; send one of them`);
  const { duration_minutes, duration, expires_at, never_expires } = fields;
  if (never_expires) return null;
  if (duration_minutes !== undefined) return now + duration_minutes * minute;
  if (duration !== undefined) return now + readDuration(duration);
  if (never_expires === false && expires_at === undefined) throw bodyFault(noEnd);
  if (expires_at === undefined) return undefined;
  const at = Date.parse(expires_at);
  if (Number.isNaN(at)) throw bodyFault("expires_at must be a time that there is");
  if (at > now + longestMs) throw bodyFault("expires_at must be within 365 days; never_expires: true is for ever");
  return at;
}

const noEnd =
  "never_expires: false does not say until when: send duration_minutes, duration or expires_at with it, or leave it out";

function readDuration(text: string): number {
  const parts = text.matchAll(/(\d+)([smhdw])/g);
  return [...parts].reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * (units[unit] ?? 0), 0);
}
