import { z } from "zod";
import type { AuditRow } from "./tables.ts";

const beginning = '{"seq":';

/** An entry as a line of JSON, without its line break: what has no value is left out, the time is ISO 8601, changes are an object. */
export function formatAuditLine(row: AuditRow): string {
  return JSON.stringify({
    seq: row.seq,
    id: row.id,
    at: formatTime(row.at),
    action: row.action,
    outcome: row.outcome,
    reason: row.reason ?? undefined,
    actor: row.actor,
    origin: row.origin,
    project_id: row.project_id ?? undefined,
    token_id: row.token_id ?? undefined,
    request_id: row.request_id ?? undefined,
    client_address: row.client_address ?? undefined,
    method: row.method ?? undefined,
    path: row.path ?? undefined,
    user_agent: row.user_agent ?? undefined,
    changes: row.changes === null ? undefined : toReadable(row.changes),
    previous: row.previous,
    hash: row.hash,
  });
}

/** Reads a line; `undefined` where it isn't, to the byte, what is written for any entry. */
export function readAuditLine(line: string): AuditRow | undefined {
  const parsed = lineSchema.safeParse(parse(line));
  if (!parsed.success) return undefined;
  const { at, changes, ...rest } = parsed.data;
  const row: AuditRow = {
    ...rest,
    at: typeof at === "number" ? at : Date.parse(at),
    changes: changes === undefined ? null : toStored(changes),
  };
  return formatAuditLine(row) === line ? row : undefined;
}

/** Whether this can be what a crash, or a power cut, left of a line. */
export function isTornLine(rest: string): boolean {
  return rest.startsWith(beginning) || beginning.startsWith(rest) || /^\0+$/.test(rest);
}

const optional = z.string().nullable().default(null);

const lineSchema = z.object({
  seq: z.number(),
  id: z.string(),
  at: z.union([z.string(), z.number()]),
  action: z.string(),
  outcome: z.string(),
  reason: optional,
  actor: z.string(),
  origin: z.string(),
  project_id: optional,
  token_id: optional,
  request_id: optional,
  client_address: optional,
  method: optional,
  path: optional,
  user_agent: optional,
  changes: z.unknown().optional(),
  previous: z.string(),
  hash: z.string(),
});

/** A time that is none, which somebody wrote into the database, is told as it is. */
function formatTime(at: number): string | number {
  const date = new Date(at);
  return date.getTime() === at ? date.toISOString() : at;
}

/** The hash is over the text: an object stands for it only where it gives exactly this text again. */
function toReadable(text: string): unknown {
  const value = parse(text);
  return typeof value === "object" && value !== null && JSON.stringify(value) === text ? value : text;
}

function toStored(changes: unknown): string {
  return typeof changes === "string" ? changes : JSON.stringify(changes);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
