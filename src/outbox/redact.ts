import type { SinkRecord } from "../sinks/sink.ts";
import { createRecord } from "./segment.ts";

/** How much of an exchange a sink gets: all; all but what was said; or not even the request's parameters. */
export type Bodies = "full" | "metadata" | "off";

const leftOut = {
  full: [],
  metadata: ["input", "output"],
  off: ["input", "output", "parameters"],
} as const satisfies Record<Bodies, readonly string[]>;

/** The record as a sink with these `bodies` may see it; `undefined` where its line can't be read. */
export function redact(record: SinkRecord, bodies: Bodies): SinkRecord | undefined {
  if (bodies === "full") return record;
  const members = readMembers(record.json);
  if (members === undefined) return undefined;
  for (const name of leftOut[bodies]) members.delete(name);
  return createRecord(record.seq, record.id, writeMembers(members));
}

/** The line without what takes up room, marked as such; `undefined` where there is nothing to gain. */
export function shedBodies(json: string): string | undefined {
  const members = readMembers(json);
  if (members === undefined) return undefined;
  const before = members.size;
  for (const name of leftOut.off) members.delete(name);
  return members.size === before ? undefined : writeMembers(members.set("bodies_shed", true));
}

function readMembers(json: string): Map<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? new Map<string, unknown>(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}

function writeMembers(members: ReadonlyMap<string, unknown>): string {
  return JSON.stringify(Object.fromEntries(members));
}
