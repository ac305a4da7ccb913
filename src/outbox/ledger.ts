import type { DeadLetter, DropReason } from "./outbox.ts";
import { countBetween, isFor } from "./segment-index.ts";
import type { Segment } from "./segment.ts";

/** A dead letter with the record itself. */
export type DeadRecord = DeadLetter & { readonly json: string };

/**
 * One sink's books. `received` counts every record that was meant for the sink since it was first in use: those
 * appended (a dead letter that is tried again is appended again), and those lost before or instead. Nothing is ever
 * taken back from a count. What is pending isn't kept here: the segments say.
 */
export type Book = {
  readonly sink: string;
  /** A sink that is not in use keeps its books, but holds nothing back, and what comes then is none of its. */
  readonly inUse: boolean;
  /** The number up to which everything is settled. */
  readonly cursor: number;
  readonly received: number;
  readonly delivered: number;
  readonly rejected: number;
  readonly sampledOut: number;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** Records after the cursor that the sink has refused already; `undefined` where no dead letter could be kept. */
  readonly refused: ReadonlyMap<number, DeadRecord | undefined>;
};

/** Everything that is counted, as one value: a change makes a new one, which holds once it is written. */
export type Ledger = {
  readonly books: ReadonlyMap<string, Book>;
  /** The number of the next record. */
  readonly nextSeq: number;
  /** Records that lost their bodies to save room, over the life of the file. */
  readonly bodiesShed: number;
  /** Dead letters that are not written yet. */
  readonly deadRecords: readonly DeadRecord[];
};

/** The books of a sink that is new: it starts at the present. */
export function openBook(sink: string, nextSeq: number): Book {
  return {
    sink,
    inUse: true,
    cursor: nextSeq - 1,
    received: 0,
    delivered: 0,
    rejected: 0,
    sampledOut: 0,
    dropped: {},
    refused: new Map(),
  };
}

/** Counts records that are appended, for all sinks in use or for one alone; those out of use go past them, once they are left behind. */
export function receive(ledger: Ledger, count: number, sink?: string): Ledger {
  const nextSeq = ledger.nextSeq + count;
  const books = changeBooks(ledger, (book) => {
    if (sink !== undefined && sink !== book.sink) return book;
    return book.inUse ? { ...book, received: book.received + count } : { ...book, cursor: nextSeq - 1 };
  });
  return { ...ledger, books, nextSeq };
}

/** Counts what still waits for sinks that are not in use as such, once: nothing that is appended later waits for them. */
export function leaveBehind(ledger: Ledger, segments: readonly Segment[]): Ledger {
  const last = ledger.nextSeq - 1;
  const dead: DeadRecord[] = [];
  const books = changeBooks(ledger, (book) => {
    if (book.inUse || book.cursor >= last) return book;
    const own = segments.filter((segment) => isFor(segment, book.sink));
    const waiting = own.reduce((sum, segment) => sum + countBetween(segment, book.cursor), 0);
    const settled = settleRefused(book, 0, last, dead);
    const refused = book.refused.size - settled.refused.size;
    return drop({ ...settled, cursor: last }, "not_configured", waiting - refused);
  });
  return { ...ledger, books, deadRecords: [...ledger.deadRecords, ...dead] };
}

/** Counts records that could not be appended, for every sink in use. */
export function lose(ledger: Ledger, reason: DropReason, count: number): Ledger {
  const books = changeBooks(ledger, (book) =>
    book.inUse ? drop({ ...book, received: book.received + count }, reason, count) : book,
  );
  return { ...ledger, books };
}

/** Notes that the record `seq` was refused for good. */
export function refuse(ledger: Ledger, sink: string, seq: number, dead: DeadRecord | undefined): Ledger {
  const books = changeBooks(ledger, (book) =>
    book.sink === sink ? { ...book, refused: new Map(book.refused).set(seq, dead) } : book,
  );
  return { ...ledger, books };
}

/** Moves a sink's cursor over `passed` records, those refused among them. */
export function pass(ledger: Ledger, sink: string, upTo: number, passed: number, sampledOut: number): Ledger {
  const dead: DeadRecord[] = [];
  const books = changeBooks(ledger, (book) => {
    if (book.sink !== sink) return book;
    const settled = settleRefused(book, 0, upTo, dead);
    const taken = passed - (book.refused.size - settled.refused.size);
    const left = Math.min(Math.max(sampledOut, 0), taken);
    return {
      ...settled,
      cursor: upTo,
      delivered: book.delivered + taken - left,
      sampledOut: book.sampledOut + left,
    };
  });
  return { ...ledger, books, deadRecords: [...ledger.deadRecords, ...dead] };
}

/** Counts what goes with these segments: for a sink that still waited for it as `reason`, for one not in use as such. */
export function forget(ledger: Ledger, segments: readonly Segment[], reason: DropReason): Ledger {
  if (segments.length === 0) return ledger;
  const dead: DeadRecord[] = [];
  const books = changeBooks(ledger, (book) => {
    let changed = book;
    for (const segment of segments) {
      if (!isFor(segment, book.sink)) continue;
      const waiting = countBetween(segment, book.cursor);
      if (waiting === 0) continue;
      const before = changed.refused.size;
      changed = settleRefused(changed, segment.firstSeq, segment.lastSeq, dead);
      const dropped = waiting - (before - changed.refused.size);
      changed = drop(changed, book.inUse ? reason : "not_configured", dropped);
    }
    return changed;
  });
  return { ...ledger, books, deadRecords: [...ledger.deadRecords, ...dead] };
}

/** The number up to which every sink in use has settled everything. */
export function settledByAll(ledger: Ledger): number {
  let least = Infinity;
  for (const book of ledger.books.values()) if (book.inUse) least = Math.min(least, book.cursor);
  return Number.isFinite(least) ? least : 0;
}

function changeBooks(ledger: Ledger, change: (book: Book) => Book): ReadonlyMap<string, Book> {
  const books = new Map<string, Book>();
  for (const [sink, book] of ledger.books) books.set(sink, change(book));
  return books;
}

function drop(book: Book, reason: DropReason, count: number): Book {
  if (count === 0) return book;
  return { ...book, dropped: { ...book.dropped, [reason]: (book.dropped[reason] ?? 0) + count } };
}

/** Turns refused records from `first` to `last` into rejected ones, whose dead letters are added to `dead`. */
function settleRefused(book: Book, first: number, last: number, dead: DeadRecord[]): Book {
  if (book.refused.size === 0) return book;
  const refused = new Map(book.refused);
  const kept: DeadRecord[] = [];
  let unkept = 0;
  for (const [seq, record] of book.refused) {
    if (seq < first || seq > last) continue;
    refused.delete(seq);
    if (record === undefined) unkept += 1;
    else kept.push(record);
  }
  dead.push(...kept);
  return drop({ ...book, refused, rejected: book.rejected + kept.length }, "dead_letters_full", unkept);
}
