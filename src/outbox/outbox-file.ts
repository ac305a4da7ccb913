import { statSync } from "node:fs";
import { createDeadLetterTable } from "./dead-letter-table.ts";
import type { Book, DeadRecord, Ledger } from "./ledger.ts";
import type { DeadLetter } from "./outbox.ts";
import { openOutboxDatabase } from "./outbox-database.ts";
import type { PackedSegment, Segment } from "./segment.ts";

/** What is written together or not at all. */
export type Changes = {
  /** Written anew, or in the place of the segment with the same first number. */
  readonly put: readonly PackedSegment[];
  readonly remove: readonly Segment[];
  readonly books: readonly Book[];
  readonly deadRecords: readonly DeadRecord[];
  /** Dead letters that are in a segment again. */
  readonly revived: readonly DeadLetter[];
  readonly state: Pick<Ledger, "nextSeq" | "bodiesShed">;
};

type Loaded = { readonly ledger: Ledger; readonly segments: readonly Segment[] };

type BookRow = {
  sink: string;
  cursor: number;
  received: number;
  delivered: number;
  rejected: number;
  sampled_out: number;
  dropped: string;
};

type SegmentRow = {
  first_seq: number;
  last_seq: number;
  at: number;
  kind: Segment["kind"];
  sink: string | null;
  raw_size: number;
  bytes: number;
  bodies_shed: number;
};

/** Opens the file of an outbox, making it where there is none and `create` says so: rows in, rows out. Its methods throw `SQLiteError`. */
export function openOutboxFile(path: string, { create, fsync }: Parameters<typeof openOutboxDatabase>[1]) {
  const database = openOutboxDatabase(path, { create, fsync });
  const deadLetters = createDeadLetterTable(database);
  const putSegment = database.query(
    "INSERT OR REPLACE INTO segments (first_seq, last_seq, at, kind, sink, raw_size, bytes, bodies_shed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const putPayload = database.query("INSERT OR REPLACE INTO payloads (first_seq, data) VALUES (?, ?)");
  const removeSegment = database.query("DELETE FROM segments WHERE first_seq = ?");
  const removePayload = database.query("DELETE FROM payloads WHERE first_seq = ?");
  const putBook = database.query(
    "INSERT OR REPLACE INTO books (sink, cursor, received, delivered, rejected, sampled_out, dropped) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const putState = database.query("UPDATE state SET next_seq = ?, bodies_shed = ?");
  const payload = database.query<{ data: Uint8Array }, [number]>("SELECT data FROM payloads WHERE first_seq = ?");
  const pages = database.query<{ page_count: number; freelist_count: number; page_size: number }, []>(
    "SELECT page_count, freelist_count, page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
  );
  const dataVersion = database.query<{ data_version: number }, []>("PRAGMA data_version");
  let seenVersion = dataVersion.get()?.data_version;

  const write = database.transaction(({ put, remove, books, deadRecords, revived, state }: Changes): void => {
    for (const { firstSeq } of remove) {
      removeSegment.run(firstSeq);
      removePayload.run(firstSeq);
    }
    for (const { segment, payload: data } of put) {
      const { firstSeq, lastSeq, at, kind, sink = null, rawSize, bytes, bodiesShed } = segment;
      putSegment.run(firstSeq, lastSeq, at, kind, sink, rawSize, bytes, bodiesShed ? 1 : 0);
      putPayload.run(firstSeq, data);
    }
    for (const { sink, cursor, received, delivered, rejected, sampledOut, dropped } of books) {
      putBook.run(sink, cursor, received, delivered, rejected, sampledOut, JSON.stringify(dropped));
    }
    deadLetters.insert(deadRecords);
    deadLetters.remove(revived);
    putState.run(state.nextSeq, state.bodiesShed);
  });

  // One transaction: between two of these its owner may write.
  const load = database.transaction((inUse: ReadonlySet<string>): Loaded => {
    const state = database
      .query<{ next_seq: number; bodies_shed: number }, []>("SELECT next_seq, bodies_shed FROM state")
      .get();
    const books = new Map<string, Book>();
    for (const row of database.query<BookRow, []>("SELECT * FROM books").all()) {
      books.set(row.sink, readBook(row, inUse.has(row.sink)));
    }
    const rows = database.query<SegmentRow, []>("SELECT * FROM segments ORDER BY first_seq").all();
    return {
      ledger: { books, nextSeq: state?.next_seq ?? 1, bodiesShed: state?.bodies_shed ?? 0, deadRecords: [] },
      segments: rows.map(readSegment),
    };
  });

  return {
    deadLetters,
    /** All of it as it was at one moment, whoever writes meanwhile. */
    load: (inUse: ReadonlySet<string>): Loaded => load.deferred(inUse),
    write: (changes: Changes): void => write.immediate(changes),
    readPayload: (segment: Segment): Uint8Array | undefined => payload.get(segment.firstSeq)?.data,
    /** Whether another process has written since this was last asked. */
    changedElsewhere(): boolean {
      const version = dataVersion.get()?.data_version;
      if (version === seenVersion) return false;
      seenVersion = version;
      return true;
    },
    /** Bytes of the file that hold something; the rest of it is used again first. */
    usedBytes(): number {
      const { page_count = 0, freelist_count = 0, page_size = 0 } = pages.get() ?? {};
      return (page_count - freelist_count) * page_size;
    },
    walBytes: (): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
    /** Bytes on the disk. */
    fileBytes(): number {
      return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) + this.walBytes();
    },
    /** Gives unused pages back to the disk where many are, a megabyte at a time. */
    shrink(): void {
      if ((pages.get()?.freelist_count ?? 0) < 512) return;
      database.run("PRAGMA incremental_vacuum(128)");
    },
    /** Whether the file may become larger than it is; what it has to give up first, where it may not, is up to the caller. */
    allowGrowth: (allowed: boolean): void =>
      // SQLite takes the present size where less is asked for.
      void database.query(`PRAGMA max_page_count = ${allowed ? 4_294_967_294 : 1}`).all(),
    /** Moves the log into the file: `RESTART` keeps the log's room for what comes, `TRUNCATE` gives it back. */
    checkpoint: (mode: "RESTART" | "TRUNCATE"): void => void database.query(`PRAGMA wal_checkpoint(${mode})`).all(),
    close: (): void => database.close(),
  };
}

function readBook({ sampled_out, dropped, ...row }: BookRow, inUse: boolean): Book {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `write` from the same type
  const reasons = JSON.parse(dropped) as Book["dropped"];
  return { ...row, inUse, sampledOut: sampled_out, dropped: reasons, refused: new Map() };
}

function readSegment(row: SegmentRow): Segment {
  return {
    firstSeq: row.first_seq,
    lastSeq: row.last_seq,
    at: row.at,
    kind: row.kind,
    ...(row.sink === null ? {} : { sink: row.sink }),
    rawSize: row.raw_size,
    bytes: row.bytes,
    bodiesShed: row.bodies_shed === 1,
  };
}
