import { type RawBuilder, sql } from "kysely";
import type { Storage } from "./database.ts";

/** A time so many milliseconds from now, to compare rows with. */
export type DatabaseTime = (from?: number) => RawBuilder<number>;

/** Creates it by the database's own clock, unless another is given; a file has that of its machine. */
export function createDatabaseTime(driver: Storage["driver"], now?: () => number): DatabaseTime {
  return (from = 0) =>
    now || driver === "sqlite"
      ? sql<number>`${(now ?? Date.now)() + from}`
      : sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint + ${sql.lit(from)}`;
}
