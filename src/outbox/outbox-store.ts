import type { SinkRecord } from "../sinks/sink.ts";
import { setAside } from "./corrupt-outbox.ts";
import { forget, openBook, settledByAll } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import type { OutboxLog } from "./log.ts";
import { findFault } from "./outbox-database.ts";
import type { Fault } from "./outbox-database.ts";
import { openOutboxFile } from "./outbox-file.ts";
import type { Changes } from "./outbox-file.ts";
import { createSegmentCache } from "./segment-cache.ts";
import { createSegmentIndex } from "./segment-index.ts";
import { createRecord, unpackSegment } from "./segment.ts";
import type { Line, Segment } from "./segment.ts";

const reportEveryMs = 60_000;

/** What an outbox knows, in memory and on the disk, and how the one follows the other. */
export type OutboxStore = ReturnType<typeof openOutboxStore>;

/** Opens the file; a corrupt one is set aside. Throws what else is wrong with it. */
export function openOutboxStore({
  path,
  sinks,
  fsync,
  now,
  log,
}: {
  readonly path: string;
  readonly sinks: readonly string[];
  readonly fsync: "off" | "batch";
  readonly now: () => number;
  readonly log: OutboxLog;
}) {
  const inUse = new Set(sinks);
  const cache = createSegmentCache();
  const opened = openSound();
  let { file } = opened;
  const index = createSegmentIndex(opened.segments);
  let ledger = withSinks(opened.ledger);
  let written: Ledger | undefined;
  let nextReportAt = 0;
  let deadTotals = file.deadLetters.totals();

  function openSound() {
    try {
      return load();
    } catch (error) {
      if (findFault(error) !== "corrupt") throw error;
      log.error({ err: error, aside: setAside(path, now()) }, "the outbox was corrupt: set aside, a new one begun");
      return load();
    }
  }

  function load() {
    const fresh = openOutboxFile(path, { create: true, fsync });
    try {
      return { file: fresh, ...fresh.load(inUse) };
    } catch (error) {
      fresh.close();
      throw error;
    }
  }

  function withSinks(from: Ledger): Ledger {
    const books = new Map(from.books);
    for (const sink of inUse) if (!books.has(sink)) books.set(sink, openBook(sink, from.nextSeq));
    return { ...from, books };
  }

  /**
   * Writes the ledger `next` with what belongs to it, and forgets what every sink in use has settled: all in one
   * transaction. Where it throws an `SQLiteError`, nothing has changed, here or there.
   */
  function commit(next: Ledger, change: Partial<Pick<Changes, "put" | "remove" | "revived">> = {}): void {
    const { put = [], remove = [], revived = [] } = change;
    const touched = new Set([...remove, ...put.map(({ segment }) => segment)].map(({ firstSeq }) => firstSeq));
    const settled = index.passed(settledByAll(next)).filter(({ firstSeq }) => !touched.has(firstSeq));
    const after = forget(next, settled, "not_configured");
    const changed = [...after.books.values()].filter((book) => written?.books.get(book.sink) !== book);
    file.write({
      put,
      remove: [...settled, ...remove],
      books: changed,
      deadRecords: after.deadRecords,
      revived,
      state: after,
    });
    index.remove(settled);
    index.remove(remove);
    for (const { segment } of put) index.put(segment);
    cache.forget([...settled, ...remove, ...put.map(({ segment }) => segment)]);
    ledger = { ...after, deadRecords: [] };
    written = ledger;
    if (after.deadRecords.length > 0 || revived.length > 0) deadTotals = file.deadLetters.totals();
  }

  /** Goes on with an empty file, the books carried over: what waited is counted as dropped. */
  function startOver(error: unknown): void {
    file.close();
    log.error({ err: error, aside: setAside(path, now()) }, "the outbox is corrupt: set aside, a new one begun");
    ({ file } = load());
    ledger = forget(ledger, index.all(), "outbox_corrupt");
    written = undefined;
    index.remove(index.all());
    cache.clear();
    deadTotals = file.deadLetters.totals();
  }

  function report(error: unknown): void {
    if (now() < nextReportAt) return;
    nextReportAt = now() + reportEveryMs;
    log.error({ err: error }, "the outbox can't be read or written");
  }

  return {
    inUse,
    index,
    commit,
    ledger: (): Ledger => ledger,
    /** Takes a ledger over in memory; it is written with the next commit. */
    note(next: Ledger): void {
      ledger = next;
      // What nobody will ask for again is let go of before it grows old: that is what full collections come from.
      cache.forget(index.passed(settledByAll(next)));
    },
    isWritten: (): boolean => ledger === written,
    file: () => file,
    deadTotals: () => deadTotals,
    recountDeadLetters: (): void => void (deadTotals = file.deadLetters.totals()),
    /** The records of a segment; `undefined` where they can't be read any more. */
    read(segment: Segment): readonly SinkRecord[] | undefined {
      const cached = cache.find(segment);
      if (cached !== undefined) return cached;
      const payload = file.readPayload(segment);
      const records = payload === undefined ? undefined : unpackSegment(segment, payload);
      if (records !== undefined) cache.put(segment, records);
      return records;
    },
    /** Keeps what was just appended for the sinks that will ask for it in a moment. */
    keep(segment: Segment, lines: readonly Line[]): void {
      cache.put(
        segment,
        lines.map(({ id, json }, place) => createRecord(segment.firstSeq + place, id, json)),
      );
    },
    /** Runs what reads or writes the file; where the file fails, says how, once it is usable again if it can be. */
    attempt(work: () => void): Fault | undefined {
      try {
        work();
        return undefined;
      } catch (error) {
        const fault = findFault(error);
        if (fault === undefined) throw error;
        if (fault === "corrupt") startOver(error);
        else report(error);
        return fault;
      }
    },
    close: (): void => file.close(),
  };
}
