import type { Log } from "../lib/log.ts";

/** Where the outbox and its deliveries say what went wrong. */
export type OutboxLog = Pick<Log, "info" | "warn" | "error">;

/** A log that nobody reads. */
export const silent: OutboxLog = { info: () => {}, warn: () => {}, error: () => {} };
