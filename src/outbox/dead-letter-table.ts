import type { Database } from "bun:sqlite";
import type { DeadRecord } from "./ledger.ts";
import type { DeadLetter } from "./outbox.ts";
import { compress, decompress } from "./segment.ts";

type Row = { sink: string; seq: number; id: string; reason: string; at: number };

/** Reads and writes the dead letters of an open outbox file; what it does takes part in the transaction of its caller. */
export function createDeadLetterTable(database: Database) {
  const insert = database.query(
    "INSERT OR REPLACE INTO dead_letters (sink, seq, id, reason, at, bytes, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const totals = database.query<{ count: number; bytes: number }, []>(
    "SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM dead_letters",
  );
  const list = database.query<Row, [string | null, number]>(
    "SELECT sink, seq, id, reason, at FROM dead_letters WHERE sink = coalesce(?1, sink) ORDER BY at DESC, seq DESC LIMIT ?2",
  );
  const mark = database.query<unknown, [string | null]>(
    "UPDATE dead_letters SET retry = 1 WHERE sink = coalesce(?1, sink) AND retry = 0",
  );
  const marked = database.query<Row & { data: Uint8Array }, [string, number]>(
    "SELECT sink, seq, id, reason, at, data FROM dead_letters WHERE retry = 1 AND sink = ?1 ORDER BY seq LIMIT ?2",
  );
  const remove = database.query<unknown, [string, number]>("DELETE FROM dead_letters WHERE sink = ?1 AND seq = ?2");
  const purge = database.query<unknown, [string | null]>("DELETE FROM dead_letters WHERE sink = coalesce(?1, sink)");

  return {
    insert(records: readonly DeadRecord[]): void {
      for (const { sink, seq, id, reason, at, json } of records) {
        const data = compress(json);
        insert.run(sink, seq, id, reason, at, data.length, data);
      }
    },
    totals: (): { readonly count: number; readonly bytes: number } => totals.get() ?? { count: 0, bytes: 0 },
    /** The newest first. */
    list: (sink: string | undefined, limit: number): readonly DeadLetter[] => list.all(sink ?? null, limit),
    /** Asks for them to be given to their sink again, by the process that delivers; returns how many. */
    markForRetry: (sink: string | undefined): number => mark.run(sink ?? null).changes,
    /** Those of a sink that wait to be tried again, the oldest first, with their lines where they are not damaged. */
    marked: (sink: string, limit: number): readonly (DeadLetter & { readonly json: string | undefined })[] =>
      marked.all(sink, limit).map(({ data, ...row }) => ({ ...row, json: decompress(data) })),
    remove(letters: readonly DeadLetter[]): void {
      for (const { sink, seq } of letters) remove.run(sink, seq);
    },
    purge: (sink: string | undefined): number => purge.run(sink ?? null).changes,
  };
}
